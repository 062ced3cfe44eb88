"""Which events were set aside because no attempt could route them, and how they are given back to the relay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .acceptance import add_routes
from .database import Database
from .routing import routed
from .runs import Entry, forget_entry
from .tables import events
from .tables import set_aside as aside

AT_ONCE = 500
"""How many are given back in one transaction."""


@dataclass(frozen=True)
class Aside:
    """An event that waits to be given back; `problem` is the type and the place of the error, never what it said."""

    seq: int
    user_id: str
    name: str
    problem: str
    attempts: int
    at: datetime


async def set_aside(
    database: Database, connection: AsyncConnection, user_id: str, seq: int, now: datetime, problem: str, attempts: int
) -> None:
    """Take the event out of the way of the person's later ones."""
    values = {"seq": seq, "user_id": user_id, "problem": problem, "attempts": attempts, "at": now}
    await connection.execute(database.insert(aside).values(values).on_conflict_do_nothing())
    await routed(connection, [seq])


async def leave_to_relay(database: Database, connection: AsyncConnection, entry: Entry) -> None:
    """Nothing could be made of this entry: its event is routed anew, and set aside where that fails as well."""
    await forget_entry(connection, entry)
    await add_routes(database, connection, [(entry.seq, entry.place.user_id)])


async def count_aside(connection: AsyncConnection) -> int:
    """How many events are set aside."""
    return (await connection.execute(select(func.count()).select_from(aside))).scalar() or 0


async def those_aside(connection: AsyncConnection, limit: int) -> list[Aside]:
    """The first of them in order of acceptance."""
    query = select(aside, events.c.name).join(events, events.c.seq == aside.c.seq).order_by(aside.c.seq).limit(limit)
    return [Aside(**row._asdict()) for row in await connection.execute(query)]


async def give_back(database: Database, seqs: Iterable[int] | None = None) -> int:
    """Leave these, or all of them, to the relay once more; how many there were. Each is given back once, whoever else does it."""
    wanted = None if seqs is None else list(seqs)
    count = 0
    while True:
        async with database.write() as connection:
            some = select(aside.c.seq).order_by(aside.c.seq).limit(AT_ONCE)
            if wanted is not None:
                some = some.where(aside.c.seq.in_(wanted))
            gone = delete(aside).where(aside.c.seq.in_(some)).returning(aside.c.seq, aside.c.user_id)
            rows = (await connection.execute(gone)).all()
            await add_routes(database, connection, [(row.seq, row.user_id) for row in rows])
        count += len(rows)
        if len(rows) < AT_ONCE:
            return count
