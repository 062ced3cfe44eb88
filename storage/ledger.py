"""What was decided about each message, and who may send it: at most one live claim per step, fenced."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, and_, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .people import upsert
from .tables import outbox, sends

Status = Literal["held", "claimed", "accepted", "withheld", "refused", "unknown"]


OF_STEP = select(sends).where(sends.c.step_key == bindparam("step")).order_by(sends.c.machine_at)


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
    """Whether it was handed over once more after the provider had been silent about the first time."""
    priority: int = 50
    """The journey's; under a cap the higher goes first."""


def step_key(journey: str, key: str, entry: str, step: str, occurrence: int) -> str:
    """The name of one step of one pass: the same after retry, crash, continue-as-new and reset, another on every re-entry."""
    return _hash(journey, key, entry, step, str(occurrence))


def send_key(step: str, channel: str) -> str:
    """The name of that step's message through one channel; what travels to the provider."""
    return _hash(step, channel)


async def sends_of_step(connection: AsyncConnection, key: str) -> list[Send]:
    """All that was decided about this step."""
    return [_send(row) for row in await connection.execute(OF_STEP, {"step": key})]


async def sends_of_person(connection: AsyncConnection, user_id: str) -> list[Send]:
    """Every line about this person, oldest first."""
    query = select(sends).where(sends.c.user_id == user_id).order_by(sends.c.at)
    return [_send(row) for row in await connection.execute(query)]


async def put_send(database: Database, connection: AsyncConnection, send: Send) -> None:
    """Write a line, over the one with the same send_key; the caller holds the person's lock."""
    await upsert(database, connection, sends, [vars(send)])


async def settle(connection: AsyncConnection, send: Send, status: Status, **facts: Any) -> bool:
    """Say what became of a claim; False if another attempt has taken it over since."""
    mine = and_(sends.c.send_key == send.send_key, sends.c.fence == send.fence, sends.c.status == "claimed")
    result = await connection.execute(update(sends).where(mine).values({"status": status, "until": None} | facts))
    return result.rowcount == 1


async def counted(connection: AsyncConnection, user_id: str, kind: str, since: datetime) -> int:
    """How many messages of that kind went or may have gone to the person since then (journey time)."""
    going = sends.c.status.in_(("claimed", "accepted", "unknown"))
    query = select(func.count()).where(sends.c.user_id == user_id, sends.c.at > since, sends.c.kind == kind, going)
    return (await connection.execute(query)).scalar() or 0


async def keep(database: Database, connection: AsyncConnection, send: Send, rendered: dict[str, Any]) -> None:
    """Put a rendered message into our own outbox, once."""
    values = {
        "send_key": send.send_key,
        "user_id": send.user_id,
        "channel": send.channel,
        "template": send.template,
        "rendered": rendered,
        "sent_at": send.at,
    }
    await connection.execute(database.insert(outbox).values(values).on_conflict_do_nothing())


async def kept(connection: AsyncConnection, *, user_id: str | None = None, limit: int = 100) -> Sequence[Row[Any]]:
    """The newest messages of our own outbox."""
    query = select(outbox).order_by(outbox.c.id.desc()).limit(limit)
    if user_id:
        query = query.where(outbox.c.user_id == user_id)
    return (await connection.execute(query)).all()


def taken(send: Send, now: datetime, until: datetime) -> Send:
    """The same line, claimed by a new attempt until then."""
    return replace(send, status="claimed", machine_at=now, until=until, fence=send.fence + 1, reason=None)


def _send(row: Row[Any]) -> Send:
    return Send(**row._asdict())


def _hash(*parts: str) -> str:
    # Each part is preceded by its length, so that no two lists of parts read the same.
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
