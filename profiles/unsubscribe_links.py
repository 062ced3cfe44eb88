"""Links that let exactly one person leave exactly one topic, and that nobody can forge."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json


class UnsubscribeLinks:
    """Makes and reads tokens signed with HMAC-SHA-256."""

    def __init__(self, secret: str, front_door: str) -> None:
        self._secret = b"unsubscribe:" + secret.encode()
        self._front_door = front_door

    def link(self, user_id: str, channel: str, topic: str) -> str:
        """The address to put into a message."""
        body = _encoded(json.dumps([user_id, channel, topic]).encode())
        return f"{self._front_door}/unsubscribe/{body}.{self._signature(body)}"

    def read(self, token: str) -> tuple[str, str, str] | None:
        """(user id, channel, topic) of a token that we made; None for any other."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return None
        try:
            user_id, channel, topic = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (ValueError, binascii.Error):
            return None
        return user_id, channel, topic

    def _signature(self, body: str) -> str:
        return _encoded(hmac.new(self._secret, body.encode(), hashlib.sha256).digest()[:18])


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
