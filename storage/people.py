"""How persons and carts are read and written inside a transaction that holds their lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Product
from profiles.carts import Cart
from profiles.person import Person

from .database import Database
from .tables import carts, people

# Built once: putting a statement together costs as much as running it.
PERSON = select(people).where(people.c.user_id == bindparam("user"))
AFTER = (
    select(people)
    .where(people.c.user_id > bindparam("after"), people.c.created_at <= bindparam("known_at"))
    .order_by(people.c.user_id)
    .limit(bindparam("most"))
)


async def lock_people(
    database: Database, connection: AsyncConnection, user_ids: Iterable[str], now: datetime
) -> dict[str, Person]:
    """Lock these persons; whoever is new is created first, since a row that is not there cannot be locked."""
    wanted = set(user_ids)
    rows = await database.lock(connection, wanted)
    if missing := sorted(wanted - rows.keys()):
        fresh = [vars(Person(user_id, now)) for user_id in missing]
        await connection.execute(database.insert(people).on_conflict_do_nothing(), fresh)
        rows |= await database.lock(connection, missing)
    return {user_id: _person(row) for user_id, row in rows.items()}


async def read_person(connection: AsyncConnection, user_id: str) -> Person | None:
    """The person as last committed; None if nobody has that id."""
    row = (await connection.execute(PERSON, {"user": user_id})).first()
    return None if row is None else _person(row)


async def lock_known(database: Database, connection: AsyncConnection, user_ids: Iterable[str]) -> dict[str, Person]:
    """Lock those of these persons who exist; somebody who was erased stays erased."""
    return {user_id: _person(row) for user_id, row in (await database.lock(connection, user_ids)).items()}


async def people_after(connection: AsyncConnection, user_id: str, known_at: datetime, most: int) -> list[Person]:
    """The next persons in the order of their ids, of those who were known at that time."""
    return [
        _person(row) for row in await connection.execute(AFTER, {"after": user_id, "known_at": known_at, "most": most})
    ]


async def write_people(database: Database, connection: AsyncConnection, changed: Iterable[Person]) -> None:
    """Write persons whose lock is held."""
    # Not asdict: it copies every trait, and costs as much as the statement.
    if rows := [{**vars(person)} for person in changed]:
        await upsert(database, connection, people, rows)


async def upsert(database: Database, connection: AsyncConnection, table: Any, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or overwrite those with the same primary key."""
    await connection.execute(_upsert(database.insert, table, tuple(rows[0])), rows)


@lru_cache(maxsize=100)
def _upsert(insert: Callable[[Any], Any], table: Any, columns: tuple[str, ...]) -> Any:
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    rest = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


async def read_carts(connection: AsyncConnection, user_ids: Iterable[str]) -> dict[str, dict[str, Cart]]:
    """Every cart of these persons by user and cart id."""
    found: dict[str, dict[str, Cart]] = {}
    for row in await connection.execute(select(carts).where(carts.c.user_id.in_(list(user_ids)))):
        values = row._asdict()
        user_id = values.pop("user_id")
        values["products"] = tuple(Product.model_validate(line) for line in values["products"])
        found.setdefault(user_id, {})[row.cart_id] = Cart(**values)
    return found


async def write_carts(database: Database, connection: AsyncConnection, changed: Iterable[tuple[str, Cart]]) -> None:
    """Write carts of persons whose lock is held."""
    rows = [
        {
            **vars(cart),
            "user_id": user_id,
            "products": [line.model_dump(mode="json", exclude_defaults=True) for line in cart.products],
        }
        for user_id, cart in changed
    ]
    if rows:
        await upsert(database, connection, carts, rows)


def _person(row: Any) -> Person:
    return Person(**row._asdict())
