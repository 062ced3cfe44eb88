"""Whether a run may send just now, and what becomes of a message that was due while it might not."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from temporalio import workflow

from .asked import Asked
from .definition import WhenResumed
from .input import JourneyInput
from .journal import Record
from .story import Story
from .waiting import FOREVER, Waiting, at

WITHHELD = "paused when it was due"
PAUSED = "paused"
"""The memo that tells of the pause where the run itself cannot be asked."""
HOUR = timedelta(hours=1)
"""How long after the resume `spread` sends at the latest."""


class Pausing:
    """Holds back messages while it is paused, and nothing else: waits run out, events are taken in, goals end the run."""

    def __init__(self, given: JourneyInput, story: Story) -> None:
        self.words = given.carried.paused
        """Who paused it and why; empty while it is not paused."""
        self.rule: WhenResumed = "send"
        self._who = f"{given.user}/{given.entry}"
        self._story = story
        if self.words:
            story.pauses(self.words)

    def pause(self, asked: Asked) -> None:
        """Hold back from now on; a newer reason takes the place of an older one."""
        self.words = f"paused by {asked}"
        self._story.pauses(self.words)
        self._story.tell(self.words)

    def resume(self, asked: Asked) -> None:
        """Let messages go again."""
        self.words = ""
        self._story.pauses("")
        self._story.tell(f"resumed by {asked}")

    async def over(self, step: str, waiting: Waiting, noted: Record) -> bool:
        """Wait until this step may be sent; False if by the rule it is withheld.

        What is decided meanwhile stands in `noted`, the step's record in the journal, for a run that continues as new.
        """
        while self.words or "paused" in noted:
            if self.words:
                noted["paused"] = True
                noted.pop("spread", None)
                await waiting.until(at(FOREVER), f"{step} is due", lambda: not self.words)
                continue
            if self.rule == "spread":
                noted.setdefault("spread", (workflow.now() + self._place()).isoformat())
                moment = datetime.fromisoformat(noted["spread"])
                await waiting.until(
                    at(moment), f"{step}: its place in the hour after the pause", lambda: bool(self.words)
                )
            if not self.words:
                noted.pop("spread", None)
                del noted["paused"]
                return self.rule != "skip"
        return True

    def _place(self) -> timedelta:
        """The same for this person and pass whenever it is asked for, so that a thousand runs do not go at once."""
        digest = hashlib.sha256(self._who.encode()).digest()
        return HOUR * (int.from_bytes(digest[:4]) / 2**32)
