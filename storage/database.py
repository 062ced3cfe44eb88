"""How a transaction is opened, on SQLite and on PostgreSQL, so that a person's lock means the same on both."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sqlalchemy import bindparam, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from errors import SettingsError

from .json_text import read, written
from .sqlite import SQLite
from .tables import people

UNREACHABLE = (OperationalError, InterfaceError, NoConnectionFree, OSError)
"""What a statement raises where the database is gone or overrun, whatever the statement was."""
DATABASE = (DBAPIError, *UNREACHABLE)
"""Whatever the database may raise."""
FORMS = "use sqlite:///path or postgresql+asyncpg://user@host/name"

LOCK = select(people).where(people.c.user_id.in_(bindparam("wanted", expanding=True))).order_by(people.c.user_id)


class Database:
    """Reads and writes one database; `write` transactions that lock the same person run one after another."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """`durable=False` gives up the disk flush at commit; for rehearsals only."""
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError) as error:
            raise SettingsError(f"JOURNEYMAN_DATABASE is no database URL; {FORMS}.") from error
        self.url = url
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.insert: Callable[[Any], Any] = sqlite.insert if self.is_sqlite else postgresql.insert
        """An INSERT that knows ON CONFLICT, in this database's dialect."""
        self._lock = LOCK if self.is_sqlite else LOCK.with_for_update()
        self._engine: SQLite | PostgreSQL
        if self.is_sqlite:
            self._engine = SQLite(url, durable=durable)
        elif parsed.drivername == "postgresql+asyncpg":
            self._engine = PostgreSQL(url)
        else:
            raise SettingsError(f"JOURNEYMAN_DATABASE names {parsed.drivername}; {FORMS}.")

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that commits at the end of the block, or changes nothing."""
        return self._engine.write()

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A consistent view."""
        return self._engine.read()

    def survey(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A consistent view for statements that take seconds: nobody else waits for them."""
        return self._engine.survey()

    async def lock(self, connection: AsyncConnection, user_ids: Iterable[str]) -> dict[str, Any]:
        """Take the persons' locks, in sorted order, for this transaction; returns the rows of those who exist.

        On SQLite the transaction itself is the lock: it was begun IMMEDIATE.
        """
        rows = await connection.execute(self._lock, {"wanted": sorted(set(user_ids))})
        return {row.user_id: row for row in rows}

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.close()

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


def lock_number(kind: str, name: str) -> int:
    """The number by which PostgreSQL's advisory locks know this name; two names that share one wait for each other."""
    digest = hashlib.blake2b(f"{kind}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


PATIENCE = {"lock_timeout": "5s", "idle_in_transaction_session_timeout": "15s"}
"""A machine that dies in mid-transaction holds its locks no longer than this."""


SURVEY_MB = 64
"""Memory for sorting in a statement that looks at everything; the server's own default is for short ones."""


class PostgreSQL:
    """A pool of connections to a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=16,
            max_overflow=0,
            pool_pre_ping=True,
            json_serializer=written,
            json_deserializer=read,
            hide_parameters=True,  # an error's text must not hold what a message says
            connect_args={"server_settings": PATIENCE},
        )

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def survey(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            view = await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            await view.exec_driver_sql(f"SET LOCAL work_mem = '{SURVEY_MB}MB'")
            yield view

    async def close(self) -> None:
        await self._engine.dispose()
