"""Which in-app messages have come for people who are connected, each since a place of their own."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Integer, String, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select

from .database import Database
from .inbox import IN_APP, LIVING, MESSAGE, InAppMessage, message_of
from .tables import outbox, people

BEFORE = select(outbox.c.id).where(*IN_APP, LIVING).order_by(outbox.c.id.desc()).offset(bindparam("most")).limit(1)
PLACE = select(outbox.c.id).where(*IN_APP, outbox.c.send_key == bindparam("send_key"))
SINCE = select(people.c.user_id, people.c.created_at).where(people.c.user_id.in_(bindparam("users", expanding=True)))

# The places go in as one value, so that the statement is the same however many are connected; the index on person and place
# answers for each of them. 500 people among 200,000 messages take 1 ms on SQLite, 2 ms on PostgreSQL.
BEYOND = MESSAGE.where(outbox.c.channel == "in_app", LIVING).order_by(outbox.c.id).limit(bindparam("most"))
_asked = (
    func.unnest(bindparam("users", type_=ARRAY(String)), bindparam("places", type_=ARRAY(BigInteger)))
    .table_valued("user_id", "place")
    .render_derived()
)
_listed = func.json_each(bindparam("listed", type_=String)).table_valued("value")
_user = func.json_extract(_listed.c.value, "$[0]", type_=String)
_place = func.json_extract(_listed.c.value, "$[1]", type_=Integer)
ON_POSTGRESQL = BEYOND.join_from(
    _asked, outbox, (outbox.c.user_id == _asked.c.user_id) & (outbox.c.id > _asked.c.place)
)
ON_SQLITE = BEYOND.select_from(_listed).where(outbox.c.user_id == _user, outbox.c.id > _place)


async def start_of(connection: AsyncConnection, user_id: str, now: datetime, most: int) -> int:
    """The place after which the person's newest `most` messages are that have not expired."""
    return await connection.scalar(BEFORE, {"user": user_id, "now": now, "most": most}) or 0


async def place_of(connection: AsyncConnection, user_id: str, send_key: str) -> int | None:
    """The place of one of the person's messages; None if it is none of theirs."""
    place: int | None = await connection.scalar(PLACE, {"user": user_id, "send_key": send_key})
    return place


async def beyond(
    database: Database, connection: AsyncConnection, places: Mapping[str, int], now: datetime, most: int
) -> list[tuple[str, int, InAppMessage]]:
    """(user id, place, message) of what has come for each of these people after their place, oldest first, at most so many.

    Of one person's messages none is overtaken: they are put there under the person's lock, so places come in their order.
    """
    if not places:
        return []
    asked: dict[str, object] = {"now": now, "most": most}
    statement: Select[tuple[object, ...]]
    if database.is_sqlite:
        statement, asked["listed"] = ON_SQLITE, json.dumps(list(places.items()))
    else:
        statement, asked["users"], asked["places"] = ON_POSTGRESQL, list(places), list(places.values())
    return [(row.user_id, row.id, message_of(row)) for row in await connection.execute(statement, asked)]


async def known_since(connection: AsyncConnection, user_ids: Collection[str]) -> dict[str, datetime]:
    """Since when we know those of these people whom we know."""
    rows = await connection.execute(SINCE, {"users": sorted(user_ids)})
    return {row.user_id: row.created_at for row in rows}
