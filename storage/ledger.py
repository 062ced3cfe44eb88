"""What was decided about each message, and who may send it: at most one live claim per step, fenced."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Row, and_, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .people import upsert
from .tables import outbox, sends

Status = Literal["held", "claimed", "accepted", "withheld", "refused", "unknown"]


# Built once: putting a statement together costs as much as running it.
OF_STEP = select(sends).where(sends.c.step_key == bindparam("step")).order_by(sends.c.machine_at)
RIVALS = select(sends).where(
    sends.c.user_id == bindparam("user"),
    or_(
        and_(sends.c.status == "held", sends.c.until >= bindparam("soon")),
        and_(sends.c.status.in_(("claimed", "accepted", "unknown")), sends.c.at >= bindparam("since")),
    ),
)


@dataclass(frozen=True)
class Send:
    """One line of the ledger. `at` is journey time; `machine_at` and the `until` of a claim are machine time."""

    send_key: str
    step_key: str
    user_id: str
    journey: str
    key: str
    entry_id: str
    step: str
    channel: str | None
    template: str | None
    topic: str | None
    kind: str | None
    status: Status
    at: datetime
    machine_at: datetime
    reason: str | None = None
    provider: str | None = None
    provider_id: str | None = None
    until: datetime | None = None
    fence: int = 0
    resent: bool = False
    """Whether it may have arrived before: the provider was silent about it, or the call of a webhook broke."""
    priority: int = 3
    """The journey's, 1 (first) to 5; decides who gets the last place under a cap."""
    address_hash: str | None = None
    """Where a push was handed over to: only there does a second copy take the place of the first."""
    took_ms: int | None = None
    """From the request to the provider's call; None where the journey or a rule had it wait, and until it has gone."""


def step_key(journey: str, key: str, entry: str, step: str, occurrence: int) -> str:
    """The name of one step of one pass: the same after retry, crash, continue-as-new and reset, another on every re-entry."""
    return _hash(journey, key, entry, step, str(occurrence))


def send_key(step: str, channel: str) -> str:
    """The name of that step's message through one channel; what travels to the provider."""
    return _hash(step, channel)


async def sends_of_step(connection: AsyncConnection, key: str) -> list[Send]:
    """All that was decided about this step."""
    return [_send(row) for row in await connection.execute(OF_STEP, {"step": key})]


async def read_send(connection: AsyncConnection, key: str) -> Send:
    """The line of this send_key, which must be there."""
    return _send((await connection.execute(select(sends).where(sends.c.send_key == key))).one())


async def sends_of_person(connection: AsyncConnection, user_id: str) -> list[Send]:
    """Every line about this person, oldest first."""
    query = select(sends).where(sends.c.user_id == user_id).order_by(sends.c.at)
    return [_send(row) for row in await connection.execute(query)]


async def put_send(database: Database, connection: AsyncConnection, send: Send) -> None:
    """Write a line, over the one with the same send_key; the caller holds the person's lock."""
    await upsert(database, connection, sends, [vars(send)])


async def settle(connection: AsyncConnection, send: Send, status: Status, **facts: Any) -> Send | None:
    """Say what became of a claim; None if somebody else knew first, or another attempt has taken it over since.

    Who was given up for dead but comes back with an answer still knows the truth.
    """
    facts = {"status": status, "until": None} | facts
    mine = {"claimed_key": send.send_key, "claimed_fence": send.fence}
    row = (await connection.execute(_settling(tuple(facts)), mine | facts)).one_or_none()
    return None if row is None else _send(row)


async def rivals_of(connection: AsyncConnection, user_id: str, since: datetime, soon: datetime) -> list[Send]:
    """The person's messages that went or may have gone since then (journey time), and those held until `soon` or later."""
    rows = await connection.execute(RIVALS, {"user": user_id, "since": since, "soon": soon})
    return [_send(row) for row in rows]


async def keep(
    database: Database,
    connection: AsyncConnection,
    send: Send,
    rendered: dict[str, Any],
    expires_at: datetime | None,
) -> None:
    """Put a rendered message into our own outbox, once; it makes no sense any more after `expires_at`."""
    values = {
        "send_key": send.send_key,
        "user_id": send.user_id,
        "channel": send.channel,
        "template": send.template,
        "rendered": rendered,
        "sent_at": send.at,
        "expires_at": expires_at,
    }
    await connection.execute(database.insert(outbox).values(values).on_conflict_do_nothing())


async def kept(connection: AsyncConnection, *, user_id: str | None = None, limit: int = 100) -> Sequence[Row[Any]]:
    """The newest messages of our own outbox."""
    query = select(outbox).order_by(outbox.c.id.desc()).limit(limit)
    if user_id:
        query = query.where(outbox.c.user_id == user_id)
    return (await connection.execute(query)).all()


def taken(send: Send, at: datetime, now: datetime, until: datetime) -> Send:
    """The same line, claimed by a new attempt at that moment of journey time, from `now` to `until` of machine time."""
    return replace(send, status="claimed", at=at, machine_at=now, until=until, fence=send.fence + 1, reason=None)


@lru_cache(maxsize=20)
def _settling(facts: tuple[str, ...]) -> Any:
    mine = and_(
        sends.c.send_key == bindparam("claimed_key"),
        sends.c.fence == bindparam("claimed_fence"),
        sends.c.status.in_(("claimed", "unknown")),
    )
    return update(sends).where(mine).values({fact: bindparam(fact) for fact in facts}).returning(sends)


def _send(row: Row[Any]) -> Send:
    return Send(**row._asdict())


def _hash(*parts: str) -> str:
    # Each part is preceded by its length, so that no two lists of parts read the same.
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
