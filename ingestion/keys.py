"""Who is let in at a door: write keys, and how clients present them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

WRONG_KEY = "The write key is missing or wrong; use the one that `python starter.py key` prints."


class Keys:
    """The write keys of this installation."""

    def __init__(self, write_keys: Iterable[str]) -> None:
        self._write_keys = [key.encode() for key in write_keys if key]

    def lets_in(self, key: str | None) -> bool:
        """Whether this is one of them."""
        given = (key or "").encode(errors="replace")
        # Every key is compared, so that the time taken tells nothing about any of them.
        matches = [hmac.compare_digest(given, known) for known in self._write_keys]
        return any(matches)


def write_key(headers: Mapping[str, str], body: Mapping[str, Any] | None = None) -> str | None:
    """The key a client presents: by Basic (as user name), by Bearer, or as `writeKey` in the body."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except ValueError:
            return None
    if scheme.lower() == "bearer":
        return value.strip()
    key = (body or {}).get("writeKey")
    return key if isinstance(key, str) else None
