"""How a value is read from what a client sent, where anything may be missing or of the wrong type."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

LONGEST = 1000


def group(context: object, name: str) -> Mapping[str, Any]:
    """The object of that name; empty where there is none."""
    inner = field(context, name)
    return inner if isinstance(inner, (dict, Mapping)) else {}


def field(context: object, name: str) -> object:
    """The value of that name, whatever it is; None where there is none."""
    return context.get(name) if isinstance(context, (dict, Mapping)) else None


def text(value: object) -> str:
    """The text without surrounding blanks, at most 1000 characters of it; empty for anything else."""
    if not isinstance(value, str):
        return ""
    if value.isascii():
        return value[:LONGEST].strip()
    # JSON can carry half of a surrogate pair, which no library written in C or Rust accepts.
    return value[:LONGEST].encode("utf-8", "replace").decode("utf-8").strip()


def number(value: object) -> float | None:
    """A finite number, also where it was sent as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None
