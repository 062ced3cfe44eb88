"""Tokens that open exactly one person's in-app messages, for a while: nobody can forge one, and nobody can read whose it is."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LONGEST = 1200
"""Characters of a token; the longest that we make, for 200 characters of four bytes each, has 1,147."""


@dataclass(frozen=True)
class InboxPass:
    """Whose messages a token opens, and until when; `since` is when we first heard of the person, None if we had not."""

    user_id: str
    expires_at: datetime
    since: datetime | None

    def opens(self, known_since: datetime | None) -> bool:
        """Whether it is still about the same person, whom we know since then; None where we know nobody of that id.

        Who was known and is not any more has been erased. What is stored later under that id is somebody new.
        """
        return self.since is None or self.since == known_since


class InboxTokens:
    """Makes and reads tokens encrypted and authenticated with AES-SIV (RFC 5297), under a key that nothing else uses.

    Encrypted, and not a keyed hash of the id that is looked up: such a hash would need a table of its own, written at
    each page view and emptied of what has expired, and every process would have to ask it. So the token holds all that
    is to be known, and any process with the same secret can read it. It needs no nonce; the moment makes it another one.
    """

    def __init__(self, secret: str) -> None:
        key = HKDF(SHA256(), length=64, salt=None, info=b"journeyman inbox tokens 1").derive(secret.encode())
        self._cipher = AESSIV(key)

    def token(self, one: InboxPass) -> str:
        """What a person's browser presents; `expires_at` counts to the second."""
        since = "" if one.since is None else one.since.astimezone(UTC).isoformat()
        told = "\0".join((str(int(one.expires_at.timestamp())), since, one.user_id))
        return _encoded(self._cipher.encrypt(told.encode(), None))

    def read(self, token: str, now: datetime) -> InboxPass | None:
        """What a token that we made says; None for any other, and for one that has expired by `now`."""
        try:
            given = token.encode("ascii")
            raw = base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4)) if len(given) <= LONGEST else b""
            # The decoder is lenient: it skips what is no base64, and ignores the last bits.
            if not raw or not hmac.compare_digest(_encoded(raw).encode(), given):
                return None
            until, since, user_id = self._cipher.decrypt(raw, None).decode().split("\0", 2)
        except (ValueError, binascii.Error, InvalidTag):
            return None
        expires_at = datetime.fromtimestamp(int(until), UTC)
        return (
            None
            if expires_at <= now
            else InboxPass(user_id, expires_at, datetime.fromisoformat(since) if since else None)
        )


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
