"""A database, and what accepts events into it, without Temporal: for tests of accept alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, Table, select

from context.location import Places
from context.stores import read_stores
from ingestion.accept import Acceptor
from ingestion.incoming import Incoming
from ingestion.opaque import Opaque
from profiles.segments import relevant_to
from settings import Settings
from storage.database import Database
from storage.migrate import migrate
from storage.tables import events, metadata, routing
from tests.stage import BERLIN
from workflows.catalogue import Catalogue

PEER = "203.0.113.77"
NUMBERS = itertools.count(1)


def somebody() -> str:
    """A user id that no other test has used: all tests of a worker share one Temporal server."""
    return f"u-{uuid4().hex[:12]}"


class Counting(Acceptor):
    """Notes how many events each of its transactions held."""

    groups: list[int]

    async def commit(self, group: Sequence[Incoming]) -> list[bool | Exception]:
        self.groups.append(len(group))
        return await super().commit(group)


class Door:
    """A database and one that accepts into it."""

    def __init__(self, database: str | Database) -> None:
        settings = Settings()
        self.database = database if isinstance(database, Database) else Database(database)
        self.acceptor = Counting(
            self.database,
            relevant=(catalogue := Catalogue.load()).relevant | relevant_to(catalogue),
            places=Places(settings.geoip_path, read_stores(settings.stores), "UTC"),
            opaque=Opaque("test secret"),
            dates={"renews_at": "once"},
        )
        self.acceptor.groups = []

    async def take(self, *messages: Incoming) -> list[Any]:
        return await self.acceptor.accept(messages)

    async def rows(self, table: Table) -> Sequence[Row[Any]]:
        async with self.database.read() as connection:
            return (await connection.execute(select(table).order_by(*table.primary_key))).all()

    async def stored(self, *names: str) -> list[Row[Any]]:
        """The stored events of these names, in order of acceptance."""
        return [row for row in await self.rows(events) if not names or row.name in names]

    async def everything(self) -> str:
        """The content of every table, as one text to search."""
        return json.dumps(
            [[list(row) for row in await self.rows(table)] for table in metadata.sorted_tables], default=str
        )

    async def routed(self) -> set[str]:
        """Ids of the events that are left for the relay."""
        seqs = {row.seq for row in await self.rows(routing)}
        return {row.event_id for row in await self.rows(events) if row.seq in seqs}


@asynccontextmanager
async def opened_door(database: str | Database) -> AsyncIterator[Door]:
    """Over the database of that URL, or over this one; closed at the end."""
    door = Door(database)
    try:
        await migrate(door.database)
        async with door.acceptor:
            yield door
    finally:
        await door.database.close()


def said(
    user: str | None,
    name: str,
    /,
    *,
    id: str | None = None,  # noqa: A002  it is the event's id
    ago: timedelta = timedelta(0),
    nobody: str | None = None,
    traits: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    **properties: Any,
) -> Incoming:
    now = datetime.now(UTC)
    event_id = id or f"m-{next(NUMBERS)}"
    return Incoming(
        event_id, name, now - ago, now, user, nobody, properties, traits or {}, context or {}, ip=BERLIN, peer=PEER
    )
