"""How persons and carts are read and written inside a transaction that holds their lock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, bindparam, select
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Product
from profiles.carts import Cart
from profiles.person import Person

from .database import Database
from .prepared import Prepared, among
from .tables import carts, people

# In the order in which a Person and a Cart are made of them.
OF_PERSON = [people.c[field.name] for field in fields(Person)]
OF_CART = [carts.c.user_id, *(carts.c[field.name] for field in fields(Cart))]

# Built once: putting a statement together costs as much as running it.
PERSON = select(*OF_PERSON).where(people.c.user_id == bindparam("user"))
LOCK = Prepared(
    lambda dialect: (
        select(*OF_PERSON)
        .where(among(people.c.user_id, "wanted", dialect))
        .order_by(people.c.user_id)  # whoever locks several does it in this order, or two would wait for each other
        .with_for_update()
    )
)
CARTS = Prepared(lambda dialect: select(*OF_CART).where(among(carts.c.user_id, "users", dialect)))
AFTER = (
    select(*OF_PERSON)
    .where(people.c.user_id > bindparam("after"), people.c.created_at <= bindparam("known_at"))
    .order_by(people.c.user_id)
    .limit(bindparam("most"))
)


async def lock_people(
    database: Database, connection: AsyncConnection, user_ids: Iterable[str], now: datetime
) -> dict[str, Person]:
    """Lock these persons; whoever is new is created first, since a row that is not there cannot be locked."""
    wanted = set(user_ids)
    found = await _locked(connection, wanted)
    if missing := sorted(wanted - found.keys()):
        fresh = [vars(Person(user_id, now)) for user_id in missing]
        await connection.execute(database.insert(people).on_conflict_do_nothing(), fresh)
        found |= await _locked(connection, missing)
    return found


async def _locked(connection: AsyncConnection, user_ids: Collection[str]) -> dict[str, Person]:
    rows = await LOCK.rows(connection, wanted=sorted(user_ids)) if user_ids else []
    return {person.user_id: person for person in (Person(*row) for row in rows)}


async def read_person(connection: AsyncConnection, user_id: str) -> Person | None:
    """The person as last committed; None if nobody has that id."""
    row = (await connection.execute(PERSON, {"user": user_id})).first()
    return None if row is None else Person(*row)


async def lock_known(database: Database, connection: AsyncConnection, user_ids: Iterable[str]) -> dict[str, Person]:
    """Lock those of these persons who exist; somebody who was erased stays erased."""
    return await _locked(connection, set(user_ids))


async def people_after(connection: AsyncConnection, user_id: str, known_at: datetime, most: int) -> list[Person]:
    """The next persons in the order of their ids, of those who were known at that time."""
    return [
        Person(*row) for row in await connection.execute(AFTER, {"after": user_id, "known_at": known_at, "most": most})
    ]


async def write_people(database: Database, connection: AsyncConnection, changed: Iterable[Person]) -> None:
    """Write persons whose lock is held."""
    # Not asdict: it copies every trait, and costs as much as the statement.
    if rows := [vars(person) for person in changed]:
        await upsert(database, connection, people, rows)


async def upsert(database: Database, connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or overwrite those with the same primary key."""
    await _upsert(database.insert, table, tuple(rows[0])).run(connection, rows)


@lru_cache(maxsize=100)
def _upsert(insert: Callable[[Any], Any], table: Table, columns: tuple[str, ...]) -> Prepared:
    def build(_: Dialect) -> Any:
        statement = insert(table)
        keys = [column.name for column in table.primary_key]
        rest = {name: statement.excluded[name] for name in columns if name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=rest)

    return Prepared(build, columns)


async def read_carts(connection: AsyncConnection, user_ids: Iterable[str]) -> dict[str, dict[str, Cart]]:
    """Every cart of these persons by user and cart id."""
    found: dict[str, dict[str, Cart]] = {}
    wanted = sorted(user_ids)
    for user_id, cart_id, products, *rest in await CARTS.rows(connection, users=wanted) if wanted else ():
        lines = tuple(Product.model_validate(line) for line in products)
        found.setdefault(user_id, {})[cart_id] = Cart(cart_id, lines, *rest)
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
