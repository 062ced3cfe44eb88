"""A small world for a report: people who enter journeys, are written to and do something, at moments that a test chooses."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from reporting.period import period_of
from reporting.report import Report, report_of
from storage.assignments import assignments_of, put_assignments
from storage.database import Database
from storage.deliveries import put_deliveries
from storage.ledger import Send, keep, put_send
from storage.migrate import migrate
from storage.runs import Entry, Place, add_entry
from storage.tables import events
from tests.inboxes import CARD
from workflows.catalogue import Catalogue, Listed
from workflows.variants import HELD, HOLDOUT, LET_IN

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY_ONE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NUMBERS = itertools.count(1)


class World:
    """Writes what accept, relay and workers would have written at these moments, and counts it."""

    def __init__(self, database: Database, catalogue: Catalogue | None = None) -> None:
        self.database = database
        self.catalogue = catalogue or Catalogue.load()
        self._number = 0

    async def does(self, user: str, name: str, at: datetime, **properties: Any) -> int:
        """An event; returns its place in the order of acceptance."""
        self._number += 1
        row = {
            "event_id": f"e-{self._number}",
            "digest": "d",
            "user_id": user,
            "name": name,
            "occurred_at": at,
            "received_at": at,
            "properties": properties,
            "context": {},
        }
        async with self.database.write() as connection:
            found = await connection.execute(insert(events).values(row).returning(events.c.seq))
            return int(found.scalar_one())

    async def enters(
        self,
        journey: str,
        user: str,
        at: datetime = DAY_ONE,
        *,
        name: str = "Signed Up",
        key: str = "",
        drawn: str = "",
        arms: Mapping[str, str] | None = None,
        reason: str | None = None,
        **properties: Any,
    ) -> int:
        """A pass that begins with this event; `drawn` is what the person was drawn for by the journey's own holdout."""
        seq = await self.does(user, name, at, **properties)
        entry = Entry(Place(journey, user, key), f"e-{self._number}", seq, at, "started", reason, arms or {})
        if drawn == HELD:
            entry = replace(entry, state="holdout")
        elif reason:
            entry = replace(entry, state="dropped")
        async with self.database.write() as connection:
            noted = await assignments_of(connection, user)
            if drawn and noted.get(f"{HOLDOUT}/{journey}") != drawn:
                await put_assignments(self.database, connection, user, {f"{HOLDOUT}/{journey}": drawn}, at)
            await add_entry(self.database, connection, entry)
        return seq

    async def is_sent(self, journey: str, user: str, at: datetime, *words: str, **changes: Any) -> str:
        """A message, and what the provider told of it an hour later; returns its key."""
        key = f"{next(NUMBERS):064x}"
        line = Send(
            key, key, user, journey, "", "e-1", "email x #1", "email", "cart/still_here", "carts", "marketing", "accepted", at, at
        )  # fmt: skip
        told = [
            {"id": f"{word}-{key}", "send_key": key, "event": word.removesuffix("*"), "by_machine": word.endswith("*")}
            | {"at": at + HOUR, "received_at": at + HOUR}
            for word in words
        ]
        async with self.database.write() as connection:
            line = replace(line, **changes)
            await put_send(self.database, connection, line)
            if line.channel == "in_app":
                await keep(self.database, connection, line, asdict(CARD), None)
            await put_deliveries(self.database, connection, told)
        return key

    async def report(
        self,
        first: str = "2026-03-01",
        last: str = "2026-03-31",
        *,
        window: int = 7,
        now: datetime = NOW,
        **changes: Any,
    ) -> Report:
        """Of these days."""
        zone = ZoneInfo(changes.pop("zone", "UTC"))
        period = period_of(first, last, str(window), zone, now)
        return await report_of(self.database, self.catalogue, period, changes.pop("holdout", 0.0))


def held_out(catalogue: Catalogue, percent: float, *journeys: str) -> Catalogue:
    """The same journeys, of which these have a holdout."""

    def with_holdout(each: Listed) -> Listed:
        return replace(each, journey=replace(each.journey, holdout=percent)) if each.journey.name in journeys else each

    return Catalogue(map(with_holdout, catalogue))


@asynccontextmanager
async def world_over(url: str) -> AsyncIterator[World]:
    """Over an empty database of that URL, with the journeys that ship."""
    database = Database(url)
    try:
        await migrate(database)
        yield World(database)
    finally:
        await database.close()


def both_groups() -> list[tuple[str, str]]:
    """(user, group) of a few people."""
    return [("in-1", LET_IN), ("in-2", LET_IN), ("in-3", LET_IN), ("out-1", HELD), ("out-2", HELD)]
