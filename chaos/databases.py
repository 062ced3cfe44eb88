"""An empty database of either kind for one run, and how it is taken away in the middle of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.servers import PostgreSQL

from .play import Play


@dataclass(frozen=True)
class Place:
    """Where the database is; `server` is None for SQLite, which lives in the processes that use it."""

    url: str
    server: PostgreSQL | None

    @property
    def doors(self) -> int:
        """How many front doors, each with its relay, may work on it side by side, where there is something to race for."""
        return 1 if self.server is None else 2


@asynccontextmanager
async def empty(play: Play) -> AsyncIterator[Place]:
    """A database that survives every crash of its server; gone at the end."""
    if play.database == "sqlite":
        yield Place(f"sqlite:///{play.home / 'journeyman.db'}", None)
        return
    server = PostgreSQL(keeps_commits=True)
    try:
        await server.start()
        yield Place(server.url(await server.create_database()), server)
    finally:
        await server.stop()
