"""What it takes to know 100,000 people: one profile, their scores, and who is in which segment; and which sends that keeps waiting."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import insert

from activities.guard import Moments
from activities.policy import Policy
from activities.reach import Reach
from activities.send import Sender
from benchmarks.figures import percentile
from events import SegmentEntered
from ingestion.census import Census
from profiles.addresses import Addresses
from profiles.person import Person
from profiles.segments import SEGMENTS
from settings import Settings
from storage.database import Database
from storage.migrate import migrate
from storage.people import read_person
from storage.tables import events, people
from worker import sender_of
from workflows.catalogue import Catalogue, Listed
from workflows.definition import entered, journey
from workflows.requests import MessageRequest, Pass, SendRequest
from workflows.user import User

NAMES = ("Page Viewed", "Product Viewed", "Product Added", "Order Completed", "Email Opened", "Product List Viewed")
TEMPLATE = "win_back/we_miss_you"
EVENTS = 30
NOW = 2**40
"""A place in the order of acceptance after everything that is stored: whatever was a goal lies before the entry."""
READS = 3000
TICK = 0.01
SENDS = 10.0
"""How many messages are sent in a second while everybody is counted."""


@dataclass(frozen=True)
class Known:
    """Seconds: of one profile, of the scores, of all segments for everybody, by which another task woke too late then, and of a
    send then."""

    p50: float
    p99: float
    scores: float
    segments: float
    late_p99: float
    late: float
    sends: int
    send_p50: float
    send_p99: float

    @property
    def whole(self) -> float:
        """The hourly count with every segment watched."""
        return self.scores + self.segments


@dataclass
class Meanwhile:
    """What others of the process wait for while everybody is counted: a task that wakes, and a message that is sent."""

    late: list[float] = field(default_factory=list)
    sends: list[float] = field(default_factory=list)


async def turn(folder: Path, count: int) -> Known:
    """Make so many people with EVENTS events each, and take every figure once."""
    settings = Settings(data_dir=folder, quiet_hours="", caps="", secret="bench")
    database = Database(settings.database_url)
    try:
        await migrate(database)
        chance, now = random.Random(7), datetime.now(UTC)
        for start in range(0, count, 500):
            await _add(database, range(start, min(start + 500, count)), chance, now)
        profiles = [await _profile(database, f"u-{chance.randrange(count)}") for _ in range(READS)]
        sender = sender_of(settings, database, Catalogue.load(), {})
        users = (f"u-{chance.randrange(count)}" for _ in itertools.count())
        scores = await _counted(database, Catalogue([]))
        watching = _every_segment()
        await _counted(
            database, watching
        )  # the first time everybody's memberships are written, an hour later only looked at
        async with _meanwhile(sender, users) as others:
            segments = await _counted(database, watching)
        return Known(
            percentile(profiles, 0.5),
            percentile(profiles, 0.99),
            scores,
            segments - scores,
            percentile(others.late, 0.99),
            max(others.late, default=0.0),
            len(others.sends),
            percentile(others.sends, 0.5),
            percentile(others.sends, 0.99),
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
                traits={"email": f"{user}@example.com", "firstName": "Ada"},
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


async def _counted(database: Database, catalogue: Catalogue) -> float:
    """Seconds that a whole count takes."""
    census = Census(database, catalogue)
    await census.begin(timedelta(0))
    began = time.perf_counter()
    async with aclosing(census.take()) as steps:
        async for _ in steps:
            pass
    return time.perf_counter() - began


@asynccontextmanager
async def _meanwhile(sender: Sender, users: Iterator[str]) -> AsyncIterator[Meanwhile]:
    """Notes what the others wait for during the block; it fails if a message is not accepted."""
    seen = Meanwhile()

    async def tick() -> None:
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            seen.late.append(time.perf_counter() - due)

    async def send() -> None:
        for number, user in enumerate(users):
            began, now = time.perf_counter(), datetime.now(UTC)
            answer = await sender.perform(_message(user, number), Moments(now, now))
            if answer.status != "accepted":
                raise RuntimeError(f"a message was {answer.status}: {answer.reason}")
            seen.sends.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, 1 / SENDS - seen.sends[-1]))

    tasks = [asyncio.create_task(each()) for each in (tick, send)]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


def _message(user: str, number: int) -> SendRequest:
    walk = Pass(
        user=user, journey="win_back", key="", entry=f"e-{number}", entry_seq=NOW, event=f"e-{number}", event_seq=NOW,
        first_run="run",
    )  # fmt: skip
    message = MessageRequest(channel="email", template=TEMPLATE)
    return SendRequest(walk=walk, step=f"email {TEMPLATE}", occurrence=1, messages=(message,))
