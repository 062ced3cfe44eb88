"""Whether a database is fit for use: its tables, its leave to write, its clock. Nothing is changed by asking."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import uuid4

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, insert, select

from .database import Database
from .migrate import config
from .tables import anonymous

Tables = Literal["none", "older", "current", "unknown"]


class _Undone(Exception):
    """Rolls a trial back."""


async def tables_of(database: Database) -> Tables:
    """Which release the tables are of; `unknown` for one that this code has never heard of."""
    async with database.read() as connection:
        return await connection.run_sync(_tables)


async def try_to_write(database: Database) -> None:
    """Write a row and take it back; raises what the database raises."""
    row = {"anonymous_id": f"trial-{uuid4()}", "user_id": "trial"}
    try:
        async with database.write() as connection:
            await connection.execute(insert(anonymous).values(row))
            raise _Undone
    except _Undone:
        return


async def clock_of(database: Database) -> datetime | None:
    """The time on the database's machine; None for SQLite, which has no machine of its own."""
    if database.is_sqlite:
        return None
    async with database.read() as connection:
        found: datetime | None = await connection.scalar(select(func.clock_timestamp()))
        return found


def _tables(connection: Connection) -> Tables:
    known = ScriptDirectory.from_config(config(connection))
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return "none"
    if revision == known.get_current_head():
        return "current"
    return "older" if revision in {each.revision for each in known.walk_revisions()} else "unknown"
