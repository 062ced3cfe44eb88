"""How a database gets its tables."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from .database import Database


def config(connection: Connection) -> Config:
    """Alembic's settings, bound to an open connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["connection"] = connection
    return settings


async def migrate(database: Database) -> None:
    """Bring the database to the newest release, from whichever one it is at; one process at a time."""
    await database.check()
    async with database.write() as connection:
        if not database.is_sqlite:
            await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7260001)")
        await connection.run_sync(lambda sync: command.upgrade(config(sync), "head"))
