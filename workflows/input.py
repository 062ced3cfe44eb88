"""What a run is started with, and what it carries when it continues as new."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from typing import Any

from pydantic import AwareDatetime, Field, model_validator

from events import Event, Fact

from .inbox import read_event

PLAIN = 64_000
"""Characters of carried state up to which it can be read in the web UI. More is packed: the server takes 2 MB at most."""


class Carried(Fact):
    """The state of a run that goes on in a new one: its inbox, its account, and what its verbs have answered so far."""

    seen: tuple[str, ...] = ()
    waiting: tuple[dict[str, Any], ...] = ()
    lines: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    not_sent: tuple[str, ...] = ()
    journal: tuple[dict[str, Any], ...] = ()
    zone: str | None = None
    begun: bool = False
    skips_quiet: bool = False
    over_at: AwareDatetime | None = None
    """When what the run does next was due, if a wait was over before it continued."""
    paused: str = ""
    """Who paused it and why; empty while it is not paused."""

    @model_validator(mode="before")
    @classmethod
    def _unpacked(cls, given: Any) -> Any:
        packed = given.get("packed") if isinstance(given, dict) else None
        return given if packed is None else json.loads(zlib.decompress(b64decode(packed)))


class JourneyInput(Fact):
    """One pass of one person. `entry` and `entry_seq` name the event that opened it and never change within it."""

    user: str
    key: str = ""
    entry: str
    entry_seq: int = 0
    event: dict[str, Any]
    """The event the journey begins with; a newer one than `entry` if the quiet was prolonged."""
    arms: dict[str, str] = Field(default_factory=dict)
    """What the person was drawn for in the journey's experiments as they entered."""
    carried: Carried = Field(default_factory=Carried)

    def start_event(self) -> Event:
        """The event as its kind; ValueError for one that no release of events.py could have written."""
        event = read_event(self.event)
        if event is None:
            raise ValueError(
                f"The start event {self.event.get('type')!r} is of no kind in events.py; restore that class."
            )
        return event

    def written(self) -> dict[str, Any]:
        """The JSON, defaults left out so that it reads well in the web UI, and much to carry packed."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        carried = json.dumps(plain.get("carried", {}), separators=(",", ":"))
        if len(carried) > PLAIN:
            plain["carried"] = {"packed": b64encode(zlib.compress(carried.encode())).decode()}
        return plain
