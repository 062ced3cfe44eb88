"""Links that let exactly one person leave exactly one topic: nobody can forge one, and nobody can read whose it is."""

from __future__ import annotations

import base64
import binascii
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LONGEST = 1500
"""Characters of a token; the longest that we make, for 200 characters of four bytes each, has 1,154."""


class UnsubscribeLinks:
    """Makes and reads tokens encrypted and authenticated with AES-SIV (RFC 5297).

    It needs no nonce: the same person, channel and topic give the same, short link for as long as the secret is kept.
    """

    def __init__(self, secret: str, front_door: str) -> None:
        key = HKDF(SHA256(), length=64, salt=None, info=b"journeyman unsubscribe links 1").derive(secret.encode())
        self._cipher = AESSIV(key)
        self._front_door = front_door

    def link(self, user_id: str, channel: str, topic: str) -> str:
        """The address to put into a message."""
        return f"{self._front_door}/unsubscribe/{self.token(user_id, channel, topic)}"

    def token(self, user_id: str, channel: str, topic: str) -> str:
        """What stands for the three in an address."""
        return _encoded(self._cipher.encrypt("\0".join((channel, topic, user_id)).encode(), None))

    def read(self, token: str) -> tuple[str, str, str] | None:
        """(user id, channel, topic) of a token that we made; None for any other, even one that differs in a spare bit."""
        try:
            given = token.encode("ascii")
            raw = base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4)) if len(given) <= LONGEST else b""
            # The decoder is lenient: it skips what is no base64, and ignores the last bits.
            if not raw or not hmac.compare_digest(_encoded(raw).encode(), given):
                return None
            channel, topic, user_id = self._cipher.decrypt(raw, None).decode().split("\0", 2)
        except (ValueError, binascii.Error, InvalidTag):
            return None
        return user_id, channel, topic


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
