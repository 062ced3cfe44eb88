"""What a person got in a rehearsal, word for word, and what they did not get and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.ledger import kept

from .scene import Scene


@dataclass(frozen=True)
class Told:
    """One message. `at` is on the person's own clock."""

    at: datetime
    channel: str
    template: str
    status: str
    """`accepted`, or `withheld` and the like."""
    reason: str
    kind: str
    topic: str
    title: str = ""
    """The subject or title as the person reads it."""
    text: str = ""

    @property
    def is_sent(self) -> bool:
        return self.status == "accepted"

    def __str__(self) -> str:
        moment = f"{self.at:%a} {self.at.day} {self.at:%b %H:%M}"
        return f"{moment} {self.channel} {self.template}" + ("" if self.is_sent else f": {self.status}, {self.reason}")


async def told_of(scene: Scene, journey: str | None = None) -> tuple[Told, ...]:
    """All messages to this person, or those of one journey, in the order in which they were decided."""
    ledger = [line for line in await scene.ledger() if journey in (None, line.journey)]
    made_up = re.compile(rf" \\({re.escape(scene.user)}-\\d+\\)")  # ids of events, which mean nothing to anybody
    async with scene.house.database.read() as connection:
        texts = {row.send_key: row.rendered for row in await kept(connection, user_id=scene.user, limit=10_000)}
    return tuple(
        Told(
            scene.local(line.at),
            line.channel or "",
            line.template or "",
            line.status,
            made_up.sub("", line.reason or ""),
            line.kind or "",
            line.topic or "",
            *_words(texts.get(line.send_key) or {}),
        )
        for line in ledger
    )


def _words(rendered: dict[str, Any]) -> tuple[str, str]:
    """Title and text, whatever the channel calls them; a webhook has neither."""
    return str(rendered.get("subject") or rendered.get("title") or ""), str(
        rendered.get("text") or rendered.get("body") or rendered.get("data") or ""
    )
