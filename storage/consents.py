"""What a person has asked for and asked not to get, and which addresses are dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .people import lock_people, upsert
from .tables import consents, unreachable

OF_PERSON = select(consents.c.channel, consents.c.topic, consents.c.given).where(
    consents.c.user_id == bindparam("user")
)
DEAD = select(unreachable.c.reason).where(
    unreachable.c.channel == bindparam("channel"), unreachable.c.address_hash == bindparam("hash")
)
EVERY = "*"
"""Stands for every channel or every topic."""


@dataclass(frozen=True)
class Consents:
    """One person's last words, as (channel, topic) pairs; a refusal counts before a consent of any width."""

    given: frozenset[tuple[str, str]] = frozenset()
    refused: frozenset[tuple[str, str]] = frozenset()

    def refuses(self, channel: str, topic: str) -> bool:
        """Whether the person has asked not to get that."""
        return not self.refused.isdisjoint(_covering(channel, topic))

    def asks_for(self, channel: str, topic: str) -> bool:
        """Whether the person has asked for that topic by its name; needed where it is opt-in.

        To have asked for everything is not enough: who lifts a wide refusal has not asked for what comes later.
        """
        return not self.given.isdisjoint(((channel, topic), (EVERY, topic)))

    def saying(self, channel: str, topic: str, *, given: bool) -> Consents:
        """The same after one more word."""
        pair = frozenset([(channel, topic)])
        return Consents(
            self.given - pair | (pair if given else set()), self.refused - pair | (set() if given else pair)
        )


async def consents_of(connection: AsyncConnection, user_id: str) -> Consents:
    """What this person has said so far."""
    rows = list(await connection.execute(OF_PERSON, {"user": user_id}))
    given = frozenset((row.channel, row.topic) for row in rows if row.given)
    return Consents(given, frozenset((row.channel, row.topic) for row in rows) - given)


async def put_consent(
    database: Database,
    connection: AsyncConnection,
    user_id: str,
    channel: str,
    topic: str,
    *,
    given: bool,
    reason: str,
    now: datetime,
) -> None:
    """Write the person's newest word on this pair; the caller holds the person's lock."""
    row = {"user_id": user_id, "channel": channel, "topic": topic, "given": given, "reason": reason, "at": now}
    await upsert(database, connection, consents, [row])


async def adopt_consent(
    database: Database, connection: AsyncConnection, user_id: str, channel: str, topic: str, now: datetime
) -> None:
    """Write a consent from before it was known who the person is; a word they have said by name since counts more."""
    row = {"user_id": user_id, "channel": channel, "topic": topic, "given": True, "reason": "subscribed", "at": now}
    await connection.execute(database.insert(consents).on_conflict_do_nothing(), row)


async def consent(
    database: Database, user_id: str, channel: str, topic: str, *, given: bool, reason: str, now: datetime
) -> None:
    """The same in a transaction of its own: from its commit on, a refusal keeps everything back that is not yet claimed."""
    async with database.write() as connection:
        await lock_people(database, connection, [user_id], now)
        await put_consent(database, connection, user_id, channel, topic, given=given, reason=reason, now=now)


async def dead(connection: AsyncConnection, channel: str, address_hash: str) -> str | None:
    """Why this address cannot be reached; None as far as anybody has told us."""
    found = await connection.scalar(DEAD, {"channel": channel, "hash": address_hash})
    return None if found is None else str(found)


async def put_dead(
    database: Database, connection: AsyncConnection, channel: str, address_hash: str, reason: str, now: datetime
) -> None:
    """Note that nothing reaches this address any more."""
    row = {"channel": channel, "address_hash": address_hash, "reason": reason[:200], "at": now}
    await upsert(database, connection, unreachable, [row])


def _covering(channel: str, topic: str) -> tuple[tuple[str, str], ...]:
    return (channel, topic), (channel, EVERY), (EVERY, topic), (EVERY, EVERY)
