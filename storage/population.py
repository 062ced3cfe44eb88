"""What the scores of everybody are measured by, and who is at work on measuring it anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from profiles.scores import Population

from .database import Database
from .prepared import Prepared
from .tables import people, population

ONE = 1
ABANDONED = timedelta(minutes=10)
"""After which whoever began to count, and has not come to an end, is believed to be dead."""
CUTS = Prepared(lambda _: select(population.c.buyers, population.c.cuts))
BUYERS = (
    select(people.c.user_id, people.c.last_order_at, people.c.orders, people.c.spent, people.c.currency)
    .where(people.c.user_id > bindparam("after"))
    .order_by(people.c.user_id)
    .limit(bindparam("most"))
)
STANDING = select(population.c.begun_at, population.c.taken_at, population.c.people, population.c.buyers)


@dataclass(frozen=True)
class Standing:
    """When the population was last counted, and how many people that were."""

    begun_at: datetime
    taken_at: datetime | None
    people: int
    buyers: int


async def population_of(connection: AsyncConnection) -> Population:
    """As it was when last counted; nobody before that."""
    rows = await CUTS.rows(connection)
    return Population.read(*rows[0]) if rows and rows[0][0] else Population()


async def standing_of(connection: AsyncConnection) -> Standing | None:
    """When that was; None if it never was."""
    row = (await connection.execute(STANDING)).first()
    return None if row is None else Standing(*row)


async def begin_count(database: Database, connection: AsyncConnection, now: datetime, every: timedelta) -> bool:
    """Whether it is our turn to count: nobody else has begun within `every`, or died at it."""
    row = {"id": ONE, "begun_at": now, "people": 0, "buyers": 0, "cuts": Population().plain()}
    if (await connection.execute(database.insert(population).values(row).on_conflict_do_nothing())).rowcount:
        return True
    is_left = population.c.taken_at.is_(None) | (population.c.taken_at < population.c.begun_at)
    is_due = (population.c.begun_at <= now - every) | (is_left & (population.c.begun_at <= now - ABANDONED))
    return bool((await connection.execute(update(population).where(is_due).values(begun_at=now))).rowcount)


async def put_population(connection: AsyncConnection, counted: Population, everybody: int, now: datetime) -> None:
    """Measure by this from its commit on."""
    values = {"taken_at": now, "people": everybody, "buyers": counted.buyers, "cuts": counted.plain()}
    await connection.execute(update(population).values(values))


async def orders_after(connection: AsyncConnection, user_id: str, most: int) -> Sequence[Row[Any, Any, Any, Any, Any]]:
    """What the next persons, in the order of their ids, have bought: id, when last, how often, for how much, in which money."""
    return (await connection.execute(BUYERS, {"after": user_id, "most": most})).all()
