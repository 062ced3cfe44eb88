"""What accept reads and writes of events, in the transaction that takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Row, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database, lock_number
from .prepared import Prepared, among
from .tables import anonymous, events, routing

NUMBERS = func.unnest(bindparam("numbers", type_=ARRAY(BigInteger))).table_valued("number").render_derived()
LOCK_NUMBERS = select(func.pg_advisory_xact_lock(NUMBERS.c.number))
OWNERS = Prepared(
    lambda dialect: select(anonymous.c.anonymous_id, anonymous.c.user_id).where(
        among(anonymous.c.anonymous_id, "wanted", dialect)
    )
)
DIGESTS = Prepared(
    lambda dialect: select(events.c.event_id, events.c.digest).where(among(events.c.event_id, "wanted", dialect))
)
EVENT = Prepared(lambda _: insert(events), [column.name for column in events.c])

LAST_PLACE = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
NEXT_PLACES = "SELECT nextval(pg_get_serial_sequence('events', 'seq')) FROM generate_series(1, $1)"


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
    wanted = sorted(set(anonymous_ids))
    return dict(await OWNERS.rows(connection, wanted=wanted)) if wanted else {}


async def digests_of(connection: AsyncConnection, event_ids: Iterable[str]) -> dict[str, str]:
    """The digests of those of these events that are stored already."""
    return dict(await DIGESTS.rows(connection, wanted=sorted(set(event_ids))))


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
    seqs = await _places(connection, len(rows))
    await EVENT.run(connection, [{**row, "seq": seq} for row, seq in zip(rows, seqs, strict=True)])
    return seqs


async def _places(connection: AsyncConnection, count: int) -> list[int]:
    """The next so many places, which are ours: to have each row's told by its INSERT costs as much as the INSERT."""
    if connection.dialect.name == "sqlite":
        # The transaction holds the only write lock, and AUTOINCREMENT goes on behind the highest place there ever was.
        last = (await connection.exec_driver_sql(LAST_PLACE)).scalar() or 0
        return [*range(last + 1, last + count + 1)]
    return sorted((await connection.exec_driver_sql(NEXT_PLACES, (count,))).scalars())


async def add_routes(database: Database, connection: AsyncConnection, routes: Iterable[tuple[int, str]]) -> None:
    """Leave (place, user id) of events for the relay."""
    if rows := [{"seq": seq, "user_id": user_id} for seq, user_id in routes]:
        await _routes(database.insert).run(connection, rows)


@lru_cache
def _routes(insert: Callable[[Any], Any]) -> Prepared:
    return Prepared(lambda _: insert(routing).on_conflict_do_nothing(), ("seq", "user_id"))
