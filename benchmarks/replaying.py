"""How a shop's past is played day by day, and everybody judged at the end of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import select

from benchmarks.purchases import COLUMNS, Purchase, load
from events import OrderCompleted, SegmentEntered
from ingestion.accept import Acceptor
from ingestion.watch import Watch
from service import acceptor_of
from settings import Settings
from storage.database import Database
from storage.memberships import judged, watch
from storage.people import lock_known, people_after
from storage.tables import events
from workflows.catalogue import Catalogue, Listed
from workflows.definition import entered, journey
from workflows.user import User

PAGE = 500


class Replay:
    """A shop's days one after the other: its purchases are taken, then everybody is judged at the day's end."""

    def __init__(self, database: Database, every: int = 1) -> None:
        self._database = database
        self._every = every

        @journey(starts_on=entered("at_risk"))
        async def met(user: User, event: SegmentEntered) -> None: ...

        listed = Listed(met, (), segments=frozenset(["at_risk"]))  # type: ignore[arg-type]
        self._watch = Watch(database, Catalogue([listed]))

    async def play(self, purchases: Sequence[Purchase], console: Console | None = None) -> None:
        """From the first day to the last."""
        await self._begin(purchases[0].at)
        by_day = {day: [*group] for day, group in groupby(purchases, key=lambda each: each.at)}
        day, last = purchases[0].at, last_day(purchases)
        acceptor = acceptor_of(Settings(secret="bench"), self._database, Catalogue([]), lambda users: None)
        async with acceptor:
            with Progress(*COLUMNS, console=console, disable=console is None or not console.is_terminal) as progress:
                task = progress.add_task("days", total=(last - day).days + 1)
                while day <= last:
                    await self._take(acceptor, by_day.get(day, []))
                    if (last - day).days % self._every == 0:
                        await self._judge(day + timedelta(days=1) - timedelta(seconds=1))
                    day += timedelta(days=1)
                    progress.advance(task)

    async def _begin(self, day: datetime) -> None:
        async with self._database.write() as connection:
            await watch(self._database, connection, self._watch.segments, day)
            await judged(connection, self._watch.segments, day)

    async def _take(self, acceptor: Acceptor, purchases: Sequence[Purchase]) -> None:
        if purchases and (loaded := await load(acceptor, purchases)).new != len(purchases):
            raise RuntimeError(f"{loaded.refused} purchases were refused, and {loaded.known} known before")

    async def _judge(self, now: datetime) -> None:
        """As the hourly count does, at a moment of then."""
        cursor, known_at = "", datetime.now(UTC)
        while True:
            async with self._database.read() as connection:
                page = await people_after(connection, cursor, known_at, PAGE)
                changed = await self._watch.changes(connection, page, now) if page else []
            if not page:
                return
            if wanted := {each.user_id for each in changed}:
                async with self._database.write() as connection:
                    people = [*(await lock_known(self._database, connection, wanted)).values()]
                    await self._watch.judge(connection, people, now)
            cursor = page[-1].user_id


async def met_in(database: Database) -> list[tuple[str, datetime]]:
    """Who came into the segment when, by the events that say so."""
    return await _events_of(database, SegmentEntered.event_name)


async def days_of(database: Database) -> dict[str, list[datetime]]:
    """The days on which each customer bought, in order, by what is stored."""
    found: defaultdict[str, set[datetime]] = defaultdict(set)
    for user, at in await _events_of(database, OrderCompleted.event_name):
        found[user].add(at)
    return {user: sorted(days) for user, days in found.items()}


async def _events_of(database: Database, name: str) -> list[tuple[str, datetime]]:
    async with database.read() as connection:
        rows = await connection.execute(select(events.c.user_id, events.c.occurred_at).where(events.c.name == name))
        return [(user, at) for user, at in rows]


def last_day(purchases: Sequence[Purchase]) -> datetime:
    """The last day of the month of the last purchase: until then nobody who stayed away is known to have been back."""
    following = (purchases[-1].at.replace(day=1) + timedelta(days=32)).replace(day=1)
    return following - timedelta(days=1)
