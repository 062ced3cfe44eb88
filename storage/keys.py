"""Which keys were given out, and which were taken back; of a key itself only its hash is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import keys


@dataclass(frozen=True)
class GivenKey:
    """One key; `scopes` say what it opens."""

    id: str
    digest: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None


async def given_keys(connection: AsyncConnection) -> list[GivenKey]:
    """All of them in the order in which they were given out, those taken back as well."""
    rows = await connection.execute(select(keys).order_by(keys.c.created_at, keys.c.id))
    return [GivenKey(**row._asdict() | {"scopes": frozenset(row.scopes.split())}) for row in rows]


async def add_key(connection: AsyncConnection, key: GivenKey) -> None:
    """Note that this key was given out."""
    await connection.execute(insert(keys).values(vars(key) | {"scopes": " ".join(sorted(key.scopes))}))


async def revoke_key(connection: AsyncConnection, key_id: str, now: datetime) -> bool:
    """Take a key back; whether there was one of that id that had not been."""
    valid = (keys.c.id == key_id) & keys.c.revoked_at.is_(None)
    return (await connection.execute(update(keys).where(valid).values(revoked_at=now))).rowcount == 1
