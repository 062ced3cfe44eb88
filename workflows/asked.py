"""Who of the staff has asked something of a run by an update, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NOBODY = "support"
LONGEST_NAME = 100
LONGEST_REASON = 500


@dataclass(frozen=True)
class Asked:
    """What stands in the story beside what was asked for; both as given, on one line."""

    by: str = NOBODY
    reason: str = ""

    @classmethod
    def read(cls, given: Any = "", by: Any = "") -> Asked:
        """From a reason, a reason and a name, or one object {"reason": ..., "by": ...}; ValueError for anything else."""
        if isinstance(given, dict) and not by and given.keys() <= {"reason", "by"}:
            given, by = given.get("reason"), given.get("by")
        if not isinstance(given, str | None) or not isinstance(by, str | None):
            raise ValueError('Give the reason as text, or an object: {"reason": "asked by phone", "by": "kim"}.')
        return cls(_line(by, LONGEST_NAME) or NOBODY, _line(given, LONGEST_REASON))

    def __str__(self) -> str:
        return f"{self.by}: {self.reason or 'no reason given'}"


def _line(text: str | None, longest: int) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
