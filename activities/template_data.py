"""What a template is allowed to see of events and people: plain, bounded values, whatever was sent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MAX_TEXT = 2_000
MAX_NAME = 40
MAX_ITEMS = 50
MAX_FIELDS = 200
MAX_DEPTH = 6
MAX_VALUES = 1_000
MAX_NUMBER = 10**15

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Lone surrogates cannot be encoded; the others turn the direction of everything after them.
_UNSAFE = re.compile(r"[\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# Forms are filled with advertisements in the name field, because shops mail it to whatever address stands next to it.
_NOT_A_NAME = re.compile(r"[/\\<>{}@|=$%\[\]]|\w{2,}\.\w{2,}")


def one_line(text: str, limit: int = MAX_TEXT) -> str:
    """The text on one line, without control characters, at most `limit` characters long."""
    # `str.__str__`: text that claims to be safe markup loses that claim. Cut first, so that a huge text costs little.
    flat = _BREAKS.sub(" ", _UNSAFE.sub("", str.__str__(text)[: limit * 2])).strip()
    return flat if len(flat) <= limit and len(text) <= limit * 2 else flat[: limit - 1].rstrip() + "…"


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same data as dicts, lists, one-line strings, numbers, booleans and None; what is too much is left out."""
    # Each name has its own budget, so that a swollen one does not starve the others.
    return {str(name): _plain(value, MAX_DEPTH, [MAX_VALUES]) for name, value in data.items()}


def plain_person(person: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a person; `first_name` is a name or None, `segments` a list of strings."""
    cleaned = plain(person)
    cleaned["first_name"] = first_name(cleaned.get("first_name"))
    segments = cleaned.get("segments")
    cleaned["segments"] = [s for s in segments if isinstance(s, str)] if isinstance(segments, list) else []
    return cleaned


def first_name(value: object) -> str | None:
    """The name if it can be greeted; None for anything that is not a short string of letters."""
    if not isinstance(value, str) or not any(letter.isalpha() for letter in value):
        return None
    return None if len(value) > MAX_NAME or _NOT_A_NAME.search(value) else value


def _plain(value: object, depth: int, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0:
        return None
    match value:
        case None | bool():
            return value
        case str():
            return one_line(value)
        case int():
            return int(value) if abs(value) < MAX_NUMBER else None
        case float():
            return float(value) if math.isfinite(value) and abs(value) < MAX_NUMBER else None
        case Decimal():
            return f"{value:f}" if value.is_finite() and value.adjusted() in range(-15, 15) else None
        case Mapping() if depth:
            fields = [(key, item) for key, item in value.items() if isinstance(key, str)][:MAX_FIELDS]
            return {str(key): _plain(item, depth - 1, budget) for key, item in fields}
        case list() | tuple() if depth:
            return [_plain(item, depth - 1, budget) for item in value[:MAX_ITEMS]]
    return None
