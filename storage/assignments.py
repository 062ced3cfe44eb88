"""Which arm of which experiment a person has been given, whatever the weights have become since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .people import upsert
from .tables import assignments

OF_PERSON = select(assignments.c.experiment, assignments.c.arm).where(assignments.c.user_id == bindparam("user"))


async def assignments_of(connection: AsyncConnection, user_id: str) -> dict[str, str]:
    """The person's arms by experiment; an empty arm is that of somebody who takes part in another of the group."""
    return {row.experiment: row.arm for row in await connection.execute(OF_PERSON, {"user": user_id})}


async def put_assignments(
    database: Database, connection: AsyncConnection, user_id: str, arms: Mapping[str, str], now: datetime
) -> None:
    """Note these arms; whoever calls has the person's lock."""
    rows = [{"user_id": user_id, "experiment": name, "arm": arm, "at": now} for name, arm in arms.items()]
    if rows:
        await upsert(database, connection, assignments, rows)
