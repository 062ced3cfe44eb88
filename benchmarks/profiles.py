"""What it takes to know 100,000 people: one profile, their scores, and who is in which segment; and whom that keeps waiting."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import insert

from activities.policy import Policy
from activities.reach import Reach
from benchmarks.figures import percentile
from events import SegmentEntered
from ingestion.census import Census
from profiles.addresses import Addresses
from profiles.person import Person
from profiles.segments import SEGMENTS
from storage.database import Database
from storage.migrate import migrate
from storage.people import read_person
from storage.tables import events, people
from workflows.catalogue import Catalogue, Listed
from workflows.definition import entered, journey
from workflows.user import User

NAMES = ("Page Viewed", "Product Viewed", "Product Added", "Order Completed", "Email Opened", "Product List Viewed")
EVENTS = 30
READS = 3000
TICK = 0.01


@dataclass(frozen=True)
class Known:
    """Seconds: of one profile, of the scores, of all segments for everybody, and by which another task woke too late then."""

    p50: float
    p99: float
    scores: float
    segments: float
    late_p99: float
    late: float

    @property
    def whole(self) -> float:
        """The hourly count with every segment watched."""
        return self.scores + self.segments


async def turn(folder: Path, count: int) -> Known:
    """Make so many people with EVENTS events each, and take every figure once."""
    database = Database(f"sqlite:///{folder / 'journeyman.db'}")
    try:
        await migrate(database)
        chance, now = random.Random(7), datetime.now(UTC)
        for start in range(0, count, 500):
            await _add(database, range(start, min(start + 500, count)), chance, now)
        profiles = [await _profile(database, f"u-{chance.randrange(count)}") for _ in range(READS)]
        scores, _ = await _counted(database, Catalogue([]))
        segments, late = await _counted(database, _every_segment())
        return Known(
            percentile(profiles, 0.5),
            percentile(profiles, 0.99),
            scores,
            segments - scores,
            percentile(late, 0.99),
            max(late),
        )
    finally:
        await database.close()


async def _add(database: Database, numbers: range, chance: random.Random, now: datetime) -> None:
    persons, rows = [], []
    for number in numbers:
        user, orders = f"u-{number}", chance.randrange(6)
        bought = now - timedelta(hours=chance.random() * 9000)
        persons.append(
            Person(
                user,
                now - timedelta(days=400),
                last_seen_at=now - timedelta(hours=chance.random() * 3000),
                last_order_at=bought if orders else None,
                orders=orders,
                spent=Decimal(chance.randrange(100_000) * orders) / 100,
                currency="EUR",
                categories={"Tents": chance.randrange(9), "Mugs": 2, "Maps": 1},
                hours={str(chance.randrange(24)): 5},
                devices={"browse mobile": chance.randrange(9), "buy desktop": orders},
            )
        )
        rows += [_event(user, place, now - timedelta(hours=chance.random() * 5000), chance) for place in range(EVENTS)]
    async with database.write() as connection:
        await connection.execute(insert(people), [vars(person) for person in persons])
        await connection.execute(insert(events), rows)


def _event(user: str, place: int, at: datetime, chance: random.Random) -> dict[str, object]:
    return {
        "event_id": f"{user}-{place}",
        "digest": "",
        "user_id": user,
        "name": chance.choice(NAMES),
        "occurred_at": at,
        "received_at": at,
        "properties": {},
        "context": {},
    }


async def _profile(database: Database, user: str) -> float:
    """As the activity reads it."""
    reach, began = Reach(Policy(), Addresses("bench")), time.perf_counter()
    async with database.read() as connection:
        person = await read_person(connection, user)
        assert person is not None
        (await reach.told(connection, person, datetime.now(UTC))).model_dump(mode="json", exclude_defaults=True)
    return time.perf_counter() - began


def _every_segment() -> Catalogue:
    found = []
    for name in SEGMENTS:

        @journey(starts_on=entered(name))
        async def told(user: User, event: SegmentEntered) -> None: ...

        found.append(Listed(told, (), segments=frozenset([name])))  # type: ignore[arg-type]
    return Catalogue(found)


async def _counted(database: Database, catalogue: Catalogue) -> tuple[float, list[float]]:
    """Seconds that a whole count takes, and by how much another task of the process woke too late each time."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            late.append(time.perf_counter() - due)

    census, ticking = Census(database, catalogue), asyncio.create_task(tick())
    await census.begin(timedelta(0))
    began = time.perf_counter()
    async for _ in census.take():
        pass
    took = time.perf_counter() - began
    # The first time, everybody's memberships are written; an hour later they are only looked at.
    if catalogue.relevant:
        late.clear()
        await census.begin(timedelta(0))
        began = time.perf_counter()
        async for _ in census.take():
            pass
        took = time.perf_counter() - began
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)
    return took, late or [0.0]
