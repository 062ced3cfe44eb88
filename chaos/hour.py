"""An hour of journey time in a minute of the machine's, and the messages that are wanted in it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.sending import NEWS
from workflows.requests import MessageRequest, Pass, SendRequest

HOUR = timedelta(hours=1)
EXPIRY = timedelta(minutes=30)
KINDS: dict[str, dict[str, Any]] = {
    "expiring": {"expires": "30m"},
    "marketing": {},
    "service": {"kind": "service"},
}
"""Three kinds of message by their front matter; the first is worth nothing after half an hour."""


class Clock:
    """Journey time that runs ahead of the machine's by a fixed factor."""

    def __init__(self, seconds: float) -> None:
        self.speed = HOUR.total_seconds() / seconds
        self._began, self._from = time.monotonic(), datetime.now(UTC)

    def at(self, monotonic: float) -> datetime:
        """The journey time at that moment of the machine."""
        return self._from + timedelta(seconds=(monotonic - self._began) * self.speed)

    def now(self) -> datetime:
        return self.at(time.monotonic())

    async def until(self, moment: datetime) -> None:
        """Wait for that journey time."""
        await asyncio.sleep(max((moment - self.now()).total_seconds() / self.speed, 0))


@dataclass(frozen=True)
class Message:
    """One message of the hour; `wanted` is journey time."""

    number: int
    kind: str
    wanted: datetime

    @property
    def request(self) -> SendRequest:
        entry = f"hour-{self.number}"
        walk = Pass(
            user=f"u-{self.number}",
            journey="third",
            key="",
            entry=entry,
            entry_seq=0,
            event=entry,
            event_seq=0,
            first_run="r",
        )
        message = MessageRequest(channel="email", template=NEWS)
        return SendRequest(walk=walk, step=f"email {NEWS}", occurrence=1, messages=(message,), due=self.wanted)
