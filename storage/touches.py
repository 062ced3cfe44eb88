"""What people did with products: of one person lately, for a recommendation, and of everybody in pages, for training."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from profiles.recommender import WEIGHTS, Touch, touches_in

from .tables import events

NEWEST = {"Product Viewed": 50, "Product Added": 50, "Order Completed": 200}
"""How many events of each kind are looked at; of orders more, since what was bought once is not recommended again."""
OF_PERSON = (
    select(events.c.occurred_at, events.c.properties)
    .where(events.c.user_id == bindparam("user"), events.c.name == bindparam("of_kind"))
    .order_by(events.c.occurred_at.desc())
    .limit(bindparam("most"))
)
PAGE = (
    select(
        events.c.seq,
        events.c.user_id,
        events.c.anonymous_id,
        events.c.name,
        events.c.occurred_at,
        # Only of these the rest is asked for, and read as JSON.
        case((events.c.name.in_(sorted(WEIGHTS)), events.c.properties), else_=null()).label("properties"),
    )
    .where(
        events.c.seq > bindparam("after"),
        events.c.name.in_(bindparam("names", expanding=True)),
        events.c.occurred_at > bindparam("since"),
    )
    .order_by(events.c.seq)
    .limit(bindparam("most"))
)


async def touches_of(connection: AsyncConnection, user_id: str) -> list[Touch]:
    """The person's newest touches of each kind, oldest first."""
    found: list[Touch] = []
    for name, most in NEWEST.items():
        for row in await connection.execute(OF_PERSON, {"user": user_id, "of_kind": name, "most": most}):
            found += touches_in(name, row.occurred_at, row.properties)
    return sorted(found, key=lambda touch: touch.at)


async def doings_after(
    connection: AsyncConnection, seq: int, names: Sequence[str], since: datetime, most: int
) -> Sequence[Row[Any, Any, Any, Any, Any, Any]]:
    """The next events of these names that happened after `since`: by whom, what and when; of what happens to products all of it."""
    return (await connection.execute(PAGE, {"after": seq, "names": list(names), "since": since, "most": most})).all()
