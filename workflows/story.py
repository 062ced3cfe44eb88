"""What support reads: the account of a run in words, while it walks and after it has ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from temporalio import workflow

from .clock import shown
from .user import Outcome

KEPT = 60
"""Lines kept of a long story; the oldest in the middle give way."""


class Story:
    """Collects one line for each thing that happened, in the person's zone. Holds nothing that tells who the person is."""

    def __init__(
        self, zone: ZoneInfo, lines: Iterable[str] = (), sent: Iterable[str] = (), not_sent: Iterable[str] = ()
    ) -> None:
        self.zone = zone
        self.title = workflow.info().workflow_type
        self._lines, self._sent, self._not_sent = [*lines], [*sent], [*not_sent]
        self._paused = self._awaited = ""

    def tell(self, text: str) -> None:
        """Add a line, and show it in the web UI."""
        self._lines.append(f"{shown(workflow.now(), self.zone)}: {text}")
        if len(self._lines) > KEPT:
            self._lines[1:3] = ["(older lines left out)"]
        self._show()

    def record(self, step: str, outcome: Outcome) -> None:
        """Add what became of a message."""
        line = f"{outcome.channel or step.split()[0]} {step.split()[-1]}"
        moment = shown(workflow.now(), self.zone)
        if outcome.accepted:
            self._sent.append(f"{moment}: {line}")
        else:
            self._not_sent.append(f"{moment}: {line}: {outcome.status}, {outcome.reason}")
        self.tell(f"{line}: {outcome.status}" + (f", {outcome.reason}" if outcome.reason else ""))

    def awaits(self, words: str) -> None:
        """Show what is being waited for now."""
        self._awaited = words
        self._show()

    def awaits_nothing(self) -> None:
        """The wait is over; shown with whatever is told next."""
        self._awaited = ""

    def pauses(self, words: str) -> None:
        """Show, until told otherwise by an empty text, that nothing is sent."""
        self._paused = words
        self._show()

    def result(self, outcome: str, untaken: list[str]) -> dict[str, Any]:
        """The account that the run returns."""
        account: dict[str, Any] = {
            "outcome": outcome,
            "sent": self._sent,
            "unsent": self._not_sent,
            "story": self._lines,
        }
        if untaken:
            account["untaken"] = untaken
        return account

    def carried(self) -> dict[str, Any]:
        """What the next run needs to go on telling."""
        return {"lines": self._lines, "sent": self._sent, "not_sent": self._not_sent}

    def _show(self) -> None:
        """The same as markdown, with what is being waited for."""
        parts = [f"### {self.title}"]
        if now := "; ".join(filter(None, (self._paused, self._awaited))):
            parts.append(f"**Now:** {now}")
        if self._lines:
            parts.append("\n".join(f"- {line}" for line in self._lines))
        # Without the empty line between them, a list is no list to the web UI.
        workflow.set_current_details("\n\n".join(parts))
