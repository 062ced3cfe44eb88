"""What accept reads and writes of events, in the transaction that takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Row, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database, lock_number
from .tables import anonymous, events, routing

NUMBERS = func.unnest(bindparam("numbers", type_=ARRAY(BigInteger))).table_valued("number").render_derived()
LOCK_NUMBERS = select(func.pg_advisory_xact_lock(NUMBERS.c.number))


async def lock_anonymous(database: Database, connection: AsyncConnection, anonymous_ids: Iterable[str]) -> None:
    """Take the locks of these anonymous ids, in sorted order, for this transaction; before `owners_of` is asked.

    A row that another transaction has not committed cannot be seen: without this, an event could be stored as nobody's
    while another front door names its person, and stay nobody's. On SQLite the transaction itself is the lock.
    """
    numbers = sorted({lock_number("anonymous", each) for each in anonymous_ids})
    if numbers and not database.is_sqlite:
        await connection.execute(LOCK_NUMBERS, {"numbers": numbers})


async def owners_of(connection: AsyncConnection, anonymous_ids: Iterable[str]) -> dict[str, str]:
    """Whom these anonymous ids turned out to be, as far as that is known."""
    if not (wanted := sorted(set(anonymous_ids))):
        return {}
    query = select(anonymous).where(anonymous.c.anonymous_id.in_(wanted))
    return {row.anonymous_id: row.user_id for row in await connection.execute(query)}


async def digests_of(connection: AsyncConnection, event_ids: Iterable[str]) -> dict[str, str]:
    """The digests of those of these events that are stored already."""
    query = select(events.c.event_id, events.c.digest).where(events.c.event_id.in_(sorted(set(event_ids))))
    return {row.event_id: row.digest for row in await connection.execute(query)}


async def claim_anonymous(
    database: Database, connection: AsyncConnection, anonymous_id: str, user_id: str
) -> Sequence[Row[Any]]:
    """Note whose anonymous id this is, and give that person its events; returns them in order of acceptance."""
    link = database.insert(anonymous).values(anonymous_id=anonymous_id, user_id=user_id)
    await connection.execute(link.on_conflict_do_nothing())
    nobodys = (events.c.anonymous_id == anonymous_id) & events.c.user_id.is_(None)
    rows = (await connection.execute(select(events).where(nobodys).order_by(events.c.seq))).all()
    if rows:
        await connection.execute(update(events).where(nobodys).values(user_id=user_id))
    return rows


async def add_events(connection: AsyncConnection, rows: list[dict[str, Any]]) -> list[int]:
    """Store events; returns their places in the order of acceptance."""
    if not rows:
        return []
    statement = insert(events).returning(events.c.seq, sort_by_parameter_order=True)
    return [row.seq for row in await connection.execute(statement, rows)]


async def add_routes(database: Database, connection: AsyncConnection, routes: Iterable[tuple[int, str]]) -> None:
    """Leave (place, user id) of events for the relay."""
    if rows := [{"seq": seq, "user_id": user_id} for seq, user_id in routes]:
        await connection.execute(database.insert(routing).on_conflict_do_nothing(), rows)
