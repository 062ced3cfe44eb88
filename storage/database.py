"""How a transaction is opened, on SQLite and on PostgreSQL, so that a person's lock means the same on both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from errors import SettingsError

from .tables import people

BUSY_MS = 15_000


class Database:
    """Reads and writes one database; `write` transactions that lock the same person run one after another."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """`durable=False` gives up the disk flush at commit; for rehearsals only."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise SettingsError(
                "JOURNEYMAN_DATABASE is no database URL; use sqlite+aiosqlite:///path or postgresql+asyncpg://user@host/name."
            ) from error
        if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
            raise SettingsError(
                f"JOURNEYMAN_DATABASE names {parsed.drivername}; use sqlite+aiosqlite:///path or postgresql+asyncpg://user@host/name."
            )
        self.url = url
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._writer = _sqlite(url, "BEGIN IMMEDIATE", 1, "FULL" if durable else "OFF")
            self._reader = _sqlite(url, "BEGIN", 4, "FULL")
        else:
            self._writer = self._reader = create_async_engine(url, pool_size=16, max_overflow=0, pool_pre_ping=True)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits at the end of the block, or changes nothing."""
        async with self._writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view; never waits for writers on SQLite."""
        async with self._reader.connect() as connection:
            yield connection

    async def lock(self, connection: AsyncConnection, user_ids: Iterable[str]) -> dict[str, Any]:
        """Take the persons' locks, in sorted order, for this transaction; returns the rows of those who exist.

        On SQLite the transaction itself is the lock: it was begun IMMEDIATE.
        """
        wanted = sorted(set(user_ids))
        query = select(people).where(people.c.user_id.in_(wanted)).order_by(people.c.user_id)
        if not self.is_sqlite:
            query = query.with_for_update()
        return {row.user_id: row for row in await connection.execute(query)}

    def insert(self, table: Any) -> Any:
        """An INSERT with ON CONFLICT, in this database's dialect."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()

    async def check(self) -> None:
        """Raise SettingsError where the database cannot be reached."""
        try:
            async with self.read() as connection:
                await connection.execute(select(1))
        except (DBAPIError, OSError) as error:
            raise SettingsError(
                f"The database of JOURNEYMAN_DATABASE cannot be opened ({type(error).__name__}): "
                "check that its server runs and its path or name exists."
            ) from error


def _sqlite(url: str, begin: str, connections: int, synchronous: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=60,
        poolclass=AsyncAdaptedQueuePool,
        connect_args={"timeout": BUSY_MS / 1000},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver would begin DEFERRED: two claims could pass a cap of one
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_MS}",
            "cache_size=-65536",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
