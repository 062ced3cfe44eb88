"""What support reads: the account of a run in words, while it walks and after it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .clock import shown

KEPT = 60
"""Lines kept of a long story; the oldest in the middle give way."""


@dataclass
class Story:
    """Collects one line for each thing that happened. Holds nothing that tells who the person is."""

    lines: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    not_sent: list[str] = field(default_factory=list)
    awaiting: str = ""

    def tell(self, moment: datetime, zone: ZoneInfo, text: str) -> None:
        """Add a line at that moment."""
        self.lines.append(f"{shown(moment, zone)}: {text}")
        if len(self.lines) > KEPT:
            self.lines[1:3] = ["(older lines left out)"]

    def result(self, outcome: str, untaken: list[str]) -> dict[str, Any]:
        """The account that the run returns."""
        account: dict[str, Any] = {
            "outcome": outcome,
            "sent": self.sent,
            "unsent": self.not_sent,
            "story": self.lines,
        }
        if untaken:
            account["untaken"] = untaken
        return account

    def details(self, title: str) -> str:
        """The same as markdown, with what is being waited for."""
        parts = [f"### {title}"]
        if self.awaiting:
            parts.append(f"**Now:** {self.awaiting}")
        if self.lines:
            parts.append("\n".join(f"- {line}" for line in self.lines))
        # Without the empty line between them, a list is no list to the web UI.
        return "\n\n".join(parts)

    def carried(self) -> dict[str, Any]:
        """What the next run needs to go on telling."""
        return {"lines": self.lines, "sent": self.sent, "not_sent": self.not_sent}
