"""Who is routing a person's events at this moment: at most one relay, however many there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import bindparam, case, false, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from .database import Database, lock_number
from .tables import routing

TAKE = select(func.pg_try_advisory_lock(bindparam("number")))
TAKE_IF_UNROUTED = select(
    case(
        (
            select(routing.c.seq).where(routing.c.user_id == bindparam("user")).exists(),
            func.pg_try_advisory_lock(bindparam("number")),
        ),
        else_=false(),
    )
)
GIVE_BACK = select(func.pg_advisory_unlock(bindparam("number")))
KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""A machine that vanishes with persons in hand has given them back after 25 seconds; a process that dies, at once."""


class Hands:
    """Persons in the hands of one relay.

    On PostgreSQL each is a lock of a session of our own: it costs no transaction that would be open while Temporal is
    spoken to, and whoever finds the person taken goes on to the next. On SQLite, with its one relay, none is needed.
    """

    def __init__(self, database: Database) -> None:
        self._held: set[str] = set()
        self._asking = asyncio.Lock()
        self._session: AsyncConnection | None = None
        self._engine = None
        if not database.is_sqlite:
            self._engine = create_async_engine(
                database.url,
                poolclass=NullPool,
                hide_parameters=True,
                isolation_level="AUTOCOMMIT",
                connect_args={"server_settings": KEEPALIVE},
            )

    @asynccontextmanager
    async def holding(self, user_id: str, *, if_unrouted: bool = False) -> AsyncIterator[bool]:
        """Whether the person is ours until the end of the block; False, at once, while somebody else has them.

        With `if_unrouted` also where nothing of the person waits any more: another relay was quicker.
        """
        if user_id in self._held:
            yield False
            return
        self._held.add(user_id)
        try:
            mine = await self._ask(TAKE_IF_UNROUTED if if_unrouted else TAKE, user_id)
            try:
                yield mine
            finally:
                if mine:
                    await self._ask(GIVE_BACK, user_id)
        finally:
            self._held.discard(user_id)

    async def close(self) -> None:
        """Give everybody back."""
        await self._forget()
        if self._engine is not None:
            await self._engine.dispose()

    async def _ask(self, statement: Any, user_id: str) -> bool:
        if self._engine is None:
            return True
        async with self._asking:
            try:
                if self._session is None:
                    self._session = await self._engine.connect()
                names = {"user": user_id, "number": lock_number("person", user_id)}
                return bool(await self._session.scalar(statement, names))
            except BaseException:
                # Whether the lock was taken is not known: with the session every lock of it goes.
                await self._forget()
                raise

    async def _forget(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.invalidate()
            await session.close()
