"""Who is let in at a door: keys, what each of them opens, and how clients present them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

from errors import NotAdmitted, NotPermitted
from storage.database import UNREACHABLE, Database
from storage.keys import given_keys

Scope = Literal["write", "browser", "read", "metrics", "report"]
"""write: send events of anybody. browser: the same with less said, for keys that stand in pages. read: see people's messages.

metrics: see figures of the machinery, and nobody in them. report: see what journeys achieved, revenue included.
"""
EVERYTHING: Final[frozenset[str]] = frozenset(get_args(Scope))
WRONG_KEY = (
    "The write key is missing or wrong; use the one that `python starter.py key` prints, or add one: `keys add`."
)
FRESH = 0.5
"""Seconds for which the keys of the database are believed: within a second a key that was taken back opens nothing."""
PATIENCE = 1.0
"""Seconds that a database may take to tell them; it is away then, and those known stay in force."""


class Keys:
    """The keys of this installation: those of the environment, and those that were given out with `keys add`."""

    def __init__(
        self, write_keys: Iterable[str], page_keys: Iterable[str] = (), database: Database | None = None
    ) -> None:
        """Write keys of the environment open everything, its page keys what the scope `browser` does."""
        pages, all_doors = frozenset({"browser"}), EVERYTHING
        self._fixed = {digest_of(key): pages for key in page_keys if key}
        self._fixed |= {digest_of(key): all_doors for key in write_keys if key}
        self._given: dict[str, frozenset[str]] = {}
        self._database = database
        self._reading = asyncio.Lock()
        self._read_at = -FRESH
        self._away: Exception | None = None

    async def admit(self, key: str | None, *scopes: Scope) -> frozenset[str]:
        """All scopes of this key, of which it must have one of these.

        NotAdmitted for a key that nobody was given, NotPermitted for one that opens other doors. While the database is
        away, keys that are known go on being known; for any other its error is raised, since it may have been given out.
        """
        found = await self._scopes_of(key or "")
        if not found:
            raise NotAdmitted(WRONG_KEY)
        if found.isdisjoint(scopes):
            wanted, has = " or ".join(scopes), ", ".join(sorted(found))
            raise NotPermitted(f"This key has the scope {has}; here one is needed with the scope {wanted}: `keys add`.")
        return found

    async def _scopes_of(self, key: str) -> frozenset[str]:
        digest = digest_of(key)
        found = _looked_up(digest, self._fixed)
        if found or not key or self._database is None:
            return found
        async with self._reading:
            if time.monotonic() - self._read_at >= FRESH:
                await self._read(self._database)
        found = _looked_up(digest, self._given)
        if not found and self._away is not None:
            raise self._away
        return found

    async def _read(self, database: Database) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE), database.read() as connection:
                given = await given_keys(connection)
        except UNREACHABLE as error:
            self._away = error
            began = time.monotonic()
        else:
            self._away = None
            self._given = {each.digest: each.scopes for each in given if each.revoked_at is None}
        self._read_at = began


def new_key() -> str:
    """192 bits by chance; the prefix lets programs that look for leaked secrets find it."""
    return f"jm_{secrets.token_urlsafe(24)}"


def digest_of(key: str) -> str:
    """What is kept of a key. A slow hash would protect what people choose; 192 bits by chance nobody can try out."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


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


def _looked_up(digest: str, keys: Mapping[str, frozenset[str]]) -> frozenset[str]:
    # Every key is compared, so that the time taken tells nothing about any of them.
    matches = [scopes for known, scopes in keys.items() if hmac.compare_digest(digest, known)]
    return frozenset().union(*matches)
