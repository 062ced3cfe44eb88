"""How much has happened in all: events, entries, messages, and how long they took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .runs import Place
from .tables import entries, events, outbox, sends


@dataclass(frozen=True)
class Pile:
    """How many messages of one journey came to the same through the same channel."""

    journey: str
    channel: str
    status: str
    reason: str
    count: int


async def accepted_events(connection: AsyncConnection) -> int:
    """Events that clients sent; what was derived from them is not counted."""
    query = select(func.count()).select_from(events).where(events.c.digest != "")
    return (await connection.execute(query)).scalar() or 0


async def started_entries(connection: AsyncConnection) -> list[tuple[Place, str]]:
    """Every pass whose run Temporal has acknowledged, with the event that opened it, oldest first."""
    columns = (entries.c.journey, entries.c.user_id, entries.c.key, entries.c.event_id)
    query = select(*columns).where(entries.c.state == "started").order_by(entries.c.id)
    rows = await connection.execute(query)
    return [(Place(row.journey, row.user_id, row.key), row.event_id) for row in rows]


async def message_piles(connection: AsyncConnection) -> list[Pile]:
    """The whole ledger, counted."""
    alike = (sends.c.journey, sends.c.channel, sends.c.status, sends.c.reason)
    rows = await connection.execute(select(*alike, func.count().label("messages")).group_by(*alike).order_by(*alike))
    return [Pile(row.journey, row.channel or "", row.status, row.reason or "", row.messages) for row in rows]


async def held_messages(connection: AsyncConnection, place: Place | None = None) -> dict[str, str]:
    """Messages that wait for their time, here or anywhere, or whose journey ended meanwhile: send key and reason."""
    query = select(sends.c.send_key, sends.c.reason).where(sends.c.status == "held")
    if place is not None:
        mine = (sends.c.user_id == place.user_id, sends.c.journey == place.journey, sends.c.key == place.key)
        query = query.where(*mine)
    return {row.send_key: row.reason or "" for row in await connection.execute(query)}


async def latencies(connection: AsyncConnection, since: datetime) -> list[timedelta]:
    """From the front door to the provider, for the messages of passes that were opened since then; machine time."""
    opened_by = sends.join(events, events.c.event_id == sends.c.entry_id)
    query = (
        select(events.c.received_at, sends.c.machine_at)
        .select_from(opened_by)
        .where(sends.c.status == "accepted", events.c.received_at >= since)
    )
    return sorted(row.machine_at - row.received_at for row in await connection.execute(query))


async def repeated_steps(connection: AsyncConnection) -> int:
    """How many steps of a pass stand in our outbox more than once; there must be none."""
    more_than_once = (
        select(sends.c.step_key)
        .join(outbox, outbox.c.send_key == sends.c.send_key)
        .group_by(sends.c.step_key)
        .having(func.count() > 1)
        .subquery()
    )
    return (await connection.execute(select(func.count()).select_from(more_than_once))).scalar() or 0
