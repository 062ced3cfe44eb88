"""How a value that tells who somebody is becomes one that does not."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

EMAIL = re.compile(
    r"[^\s@/:\"'<>,;()]{1,100}(?:@|%40)"
    r"[^\s@/:\"'<>,;()&?#%]{1,255}\.[^\s@/:\"'<>,;()&?#%.]{1,100}"
)
"""Also as it stands in a URL, and without the full stop that ends a sentence; bounded, so that no text takes long."""
PHONE = re.compile(r"^\+?[\d\s().-]{9,20}$")


class Opaque:
    """Replaces email addresses and phone numbers by a keyed hash (HMAC-SHA-256); everything else stays as it is."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def user_id(self, value: str) -> str:
        """A user id or key fit for workflow ids and search attributes: no address, no phone number."""
        if EMAIL.search(value) or _is_phone(value):
            return self._hash(value)
        return value

    def facts(self, value: Any) -> Any:
        """The same JSON value with every address in its strings replaced."""
        if isinstance(value, str):
            return (
                EMAIL.sub(lambda found: self._hash(found.group()), value) if "@" in value or "%40" in value else value
            )
        if isinstance(value, dict):
            return {key: self.facts(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.facts(item) for item in value]
        return value

    def _hash(self, value: str) -> str:
        plain = value.strip().lower().replace("%40", "@")
        return "h-" + hmac.new(self._secret, plain.encode(), hashlib.sha256).hexdigest()[:24]


def _is_phone(value: str) -> bool:
    # A bare row of digits is far more often a database id; only what is written like a phone number counts.
    return bool(PHONE.match(value)) and (value.startswith("+") or any(mark in value for mark in " ()."))
