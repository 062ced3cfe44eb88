"""What every front door makes of what a client sent, before anything is stored."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from errors import EventError
from events import CartEmptied, Event

KINDS = Event.kinds()
LONGEST_ID = 150
"""Characters of a message id; what we derive from an event adds a few to its id."""
DERIVED = re.compile(r":(cart(:\d+)?|zone|date:.*)$")
"""How the ids of derived events end; a client that sent one first would keep ours from being stored."""
LEFT_OUT: dict[str, dict[str, Any]] = {CartEmptied.event_name: {"cart_id": ""}}
"""What a client may leave out of an event that has it, because accept knows: which cart is the person's."""
LATENESS = timedelta(days=3)
"""How long after the fact an event may arrive and still start a journey, where the settings do not say."""
DEEPEST = 50
"""Levels of objects and lists in an event."""


GLANCE = re.compile(rb"\\u0000|Infinity|NaN")
"""What JSON shows where a text holds a NUL or a number is none; or it is harmless, and a closer look tells."""

SORTED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)


@dataclass(frozen=True)
class Incoming:
    """One message of a client, in our words. `properties`, `traits` and `context` are JSON as it came."""

    event_id: str
    name: str
    occurred_at: datetime
    received_at: datetime
    user_id: str | None
    anonymous_id: str | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    ip: str | None = field(default=None, repr=False)
    """The person's address, as the client reported it; used to look up the place and never stored."""
    peer: str | None = field(default=None, repr=False)
    """The address the request came from."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    previous_id: str | None = None
    """Another anonymous id of the same person, where a call names two of them."""
    second_hand: bool = False
    """Whether somebody else told it of the person: it says nothing of where they are, and on what."""

    @property
    def nobodies(self) -> list[str]:
        """The ids that this person may have been known by before they had a name."""
        return [each for each in (self.previous_id, self.anonymous_id) if each]

    @cached_property
    def digest(self) -> str:
        """A hash of all that may not change when the same message is delivered again."""
        body = [self.name, self.user_id, self.anonymous_id, self.properties, self.traits]
        return hashlib.sha256(SORTED.encode(body).encode()).hexdigest()


def checked(incoming: Incoming) -> Incoming:
    """The same message if it can be stored and the fields its event declares are right; EventError names what is not."""
    if len(incoming.event_id) > LONGEST_ID or not incoming.event_id.isprintable() or DERIVED.search(incoming.event_id):
        raise EventError(
            f"messageId: at most {LONGEST_ID} printable characters, not ending in :cart, :zone or :date:..."
        )
    if not incoming.name.isprintable():
        raise EventError("event: the name may only hold printable characters.")
    for place in ("properties", "traits", "context") if not _fits(incoming) else ():
        if (problem := _unfit(getattr(incoming, place))) is not None:
            raise EventError(f"{place}: {problem}")
    kind = KINDS.get(incoming.name)
    if kind is not None:
        try:
            known = {"event_id": incoming.event_id, "occurred_at": incoming.occurred_at}
            kind.model_validate({**LEFT_OUT.get(incoming.name, {}), **incoming.properties, **known})
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            told = first["msg"].replace("a valid tuple", "a list")  # whoever sends JSON knows no tuples
            raise EventError(f"{incoming.name}: {place}: {told}. Mend that field and send the event again.") from None
    return incoming


def _fits(incoming: Incoming) -> bool:
    """Whether it can be seen at a glance that every database can keep this: from JSON that a quick library writes."""
    try:
        raw = to_json([incoming.properties, incoming.traits, incoming.context])
    except ValueError:
        return False
    return raw.count(b"{") + raw.count(b"[") <= DEEPEST and not GLANCE.search(raw)


def _unfit(value: object) -> str | None:
    """Why a JSON value cannot be kept by every database, or None."""
    left = [(value, 1)]
    while left:
        item, depth = left.pop()
        if isinstance(item, (Mapping, list)):
            if depth > DEEPEST:
                return f"nested deeper than {DEEPEST} levels; send it flatter."
            if isinstance(item, Mapping):
                left += [(name, depth) for name in item]
            left += [(inner, depth + 1) for inner in (item.values() if isinstance(item, Mapping) else item)]
        elif isinstance(item, str) and not _is_text(item):
            return "a text holds a NUL or half a character; send Unicode."
        elif isinstance(item, float) and not math.isfinite(item):
            return "a number is too large."
    return None


def _is_text(value: str) -> bool:
    if value.isascii():
        return "\0" not in value
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
