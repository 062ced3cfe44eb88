"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["well", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table; `todo` is what to do next, where something is to be done."""

    check: str
    mark: Mark
    found: str
    todo: str = ""


def well(check: str, found: str) -> Finding:
    """As it should be."""
    return Finding(check, "well", found)


def warning(check: str, found: str, todo: str) -> Finding:
    """It works, and somebody should know."""
    return Finding(check, "warning", found, todo)


def broken(check: str, found: str, todo: str) -> Finding:
    """It does not work, or must not stay so."""
    return Finding(check, "broken", found, todo)
