"""How SQLite is spoken to from an event loop: statements run where they stand, only waiting goes to a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import QueuePool

from .json_text import read, written

BUSY_MS = 15_000
CACHE_KB = 16_384
"""Of pages, that each connection may hold: it fills as the file grows, and the system has them once more."""
READERS = 4
SURVEYORS = 2


class SQLite:
    """One writing connection, whose transactions queue up in this process, and a few that only read.

    A statement on a local file takes microseconds; sending each to a thread and back costs twenty times that. What can
    really take long is the lock of another process and the flush at commit, and these two are awaited in a thread.
    """

    def __init__(self, url: str, *, durable: bool) -> None:
        plain = make_url(url).set(drivername="sqlite+pysqlite")
        self._writer = _engine(plain, "FULL" if durable else "OFF", 1)
        self._reader = _engine(plain, "FULL", READERS)
        self._writing = asyncio.Lock()
        self._surveyor = _engine(plain, "FULL", SURVEYORS)
        self._reading = asyncio.Semaphore(READERS)
        self._surveying = asyncio.Semaphore(SURVEYORS)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction begun IMMEDIATE: it holds the database's only write lock from its first statement."""
        async with self._writing:
            connection = self._writer.connect()
            try:
                await _begin(connection)
                try:
                    yield cast(AsyncConnection, Inline(connection))
                    await _in_thread(connection.commit)
                except BaseException:
                    connection.rollback()
                    raise
            finally:
                connection.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view; in WAL mode no writer is waited for."""
        async with self._reading:
            with self._reader.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                yield cast(AsyncConnection, Inline(connection))

    @asynccontextmanager
    async def survey(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view for statements that take seconds: in a thread, and on a connection that nobody else waits for."""
        async with self._surveying:
            with self._surveyor.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                yield cast(AsyncConnection, Threaded(connection))

    async def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()
        self._surveyor.dispose()


class Inline:
    """The part of AsyncConnection that we use, over a plain connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.scalar(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> Any:
        return self._connection.exec_driver_sql(statement, parameters)

    async def run_sync(self, function: Any) -> Any:
        return function(self._connection)


class Threaded:
    """The part of AsyncConnection with which one only reads, over a plain connection and a thread; a cancel ends the statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        """All rows are fetched before it returns."""
        found: list[Any] = []

        def work() -> None:
            found.append(self._connection.execute(statement, parameters).freeze())

        driver: Any = self._connection.connection.driver_connection
        await _in_thread(work, driver.interrupt)
        return found[0]()


async def _begin(connection: Connection) -> None:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError:
        # Another process holds the lock; wait for it where nobody else has to.
        connection.rollback()
        await _in_thread(lambda: _begin_patiently(connection))


async def _in_thread(work: Callable[[], object], interrupt: Callable[[], object] | None = None) -> None:
    """Wait for the thread in any case: a connection that is still being worked on must not be touched by a cancelled task.

    A cancel calls `interrupt`, so that the wait is short where the work may be left undone.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError as error:
            cancelled = error
            if interrupt is not None:
                interrupt()
        except BaseException:
            break
    if cancelled is not None and interrupt is not None:
        raise cancelled from running.exception()
    running.result()
    if cancelled is not None:
        raise cancelled


def _begin_patiently(connection: Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_MS}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")


def _engine(url: Any, synchronous: str, connections: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        json_serializer=written,
        json_deserializer=read,
        hide_parameters=True,  # an error's text must not hold what a message says
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver would begin DEFERRED: two claims could pass a cap of one
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON", f"cache_size=-{CACHE_KB}"):
            cursor.execute(f"PRAGMA {pragma}")
        if connections == 1:
            cursor.execute("PRAGMA busy_timeout=0")
        cursor.close()

    return engine
