"""Which events have reached a run, and which of them no one has taken yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from events import Event

KINDS = Event.kinds()
REMEMBERED = 1000
"""Event ids remembered to recognise a second delivery; the relay and the server repeat only recent ones."""

MOST_WAITING = 10_000
"""Untaken events kept; a person who sends more than that in one journey is no person, and the oldest give way."""


class Inbox:
    """Events in the order they arrived, each once."""

    def __init__(self, seen: Iterable[str] = (), waiting: Iterable[Mapping[str, Any]] = ()) -> None:
        self._seen = dict.fromkeys(seen)
        self.waiting: list[Event] = [event for event in map(read_event, waiting) if event is not None]
        self.refused: list[str] = []

    def put(self, payload: object) -> list[Event]:
        """Take in the JSON of a signal, one event or a list; returns those that are new. Never raises."""
        fresh: list[Event] = []
        for item in payload if isinstance(payload, list) else [payload]:
            event = read_event(item)
            if event is None:
                self.refused.append(_name(item))
            elif event.event_id not in self._seen:
                self._seen[event.event_id] = None
                self.waiting.append(event)
                fresh.append(event)
        del self.waiting[:-MOST_WAITING]
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return fresh

    def take(self, kinds: tuple[type[Event], ...]) -> Event | None:
        """The first waiting event of these kinds, taken out."""
        for place, event in enumerate(self.waiting):
            if isinstance(event, kinds):
                return self.waiting.pop(place)
        return None

    def carried(self) -> dict[str, Any]:
        """What the next run needs to go on."""
        return {"seen": list(self._seen), "waiting": [written(event) for event in self.waiting]}


def read_event(payload: object) -> Event | None:
    """The event in a JSON object {"type": its name, ...its fields}; None where it is none that a journey can know."""
    if not isinstance(payload, Mapping):
        return None
    kind = KINDS.get(str(payload.get("type", "")))
    try:
        return None if kind is None else kind.model_validate(payload)
    except ValidationError:
        return None


def written(event: Event) -> dict[str, Any]:
    """The JSON of an event as it enters Temporal: its declared fields, defaults left out."""
    return {"type": event.event_name, **event.model_dump(mode="json", exclude_defaults=True)}


def _name(payload: object) -> str:
    return str(payload.get("type", "no type"))[:50] if isinstance(payload, Mapping) else "not a JSON object"
