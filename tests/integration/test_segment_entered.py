"""Who comes into a segment that a journey starts on: noticed once, at once or within the hour, and never who was there before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from sqlalchemy import Row, update

from events import SegmentEntered
from ingestion.census import Census
from ingestion.watch import Watch, is_forged
from profiles.segments import SEGMENTS, segment
from storage.facts import read_events
from storage.memberships import FORGOTTEN, watched_now
from storage.people import lock_people
from storage.tables import memberships, people, watched
from tests.door import Door, opened_door, said
from workflows.catalogue import Catalogue, Listed
from workflows.definition import entered, journey
from workflows.profile import Profile
from workflows.user import User

DAY = timedelta(days=1)


def starting_on(*segments: str) -> Catalogue:
    """A journey for each of these, that starts when somebody comes into it."""
    found = []
    for name in segments:

        @journey(starts_on=entered(name))
        async def told(user: User, event: SegmentEntered) -> None: ...

        found.append(Listed(told, (), segments=frozenset([name])))  # type: ignore[arg-type]
    return Catalogue(found)


@pytest_asyncio.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


async def counted(door: Door, *segments: str) -> int:
    """Count everybody; returns how many have come into one of these."""
    census = Census(door.database, starting_on(*segments))
    assert await census.begin(timedelta(0))
    return await drained(census)


async def after(door: Door, user: str, *segments: str) -> list[str]:
    """What the relay does with a person after what they did."""
    watch = Watch(door.database, starting_on(*segments))
    async with door.database.write() as connection:
        now = datetime.now(UTC)
        person = (await lock_people(door.database, connection, [user], now))[user]
        return await watch.judge(connection, [person], now)


async def came(door: Door) -> list[Row[Any]]:
    return await door.stored("Segment Entered")


def bought(user: str, value: int = 150) -> Any:
    return said(user, "Order Completed", value=value, currency="EUR")


async def away(door: Door, user: str, days: int) -> None:
    """Let the person have been seen last that many days ago."""
    async with door.database.write() as connection:
        await connection.execute(
            update(people).where(people.c.user_id == user).values(last_seen_at=datetime.now(UTC) - days * DAY)
        )


async def test_who_was_there_before(door: Door) -> None:
    """F2: who is in a segment when a journey first starts on it enters nothing, whoever comes in later does, once.

    Killed by: taking `known.judged_at is not None` out of Watch.judge, or not noting who was inside.
    """
    await door.take(bought("old"), bought("old"), bought("new"))
    assert await counted(door, "high_value") == 0
    assert await counted(door, "high_value") == 0
    assert await came(door) == []
    await door.take(bought("new"), bought("old"))
    assert await after(door, "old", "high_value") == []
    assert await after(door, "new", "high_value") == ["new"]
    assert await after(door, "new", "high_value") == []
    assert await counted(door, "high_value") == 0
    (event,) = await came(door)
    assert (event.user_id, event.properties) == ("new", {"segment": "high_value"})
    assert event.event_id in await door.routed()


async def test_before_everybody_was_judged(door: Door) -> None:
    """F2: while a new segment is judged for everybody for the first time, who was not known before it comes in all the same.

    Killed by: asking for judged_at alone in Watch.judge, or created_at < since.
    """
    await door.take(bought("old"), bought("old"))
    assert await Census(door.database, starting_on("high_value")).begin()
    await door.take(bought("fresh"), bought("fresh"))
    assert await after(door, "old", "high_value") == []
    assert await after(door, "fresh", "high_value") == ["fresh"]


async def test_with_time(door: Door) -> None:
    """Who comes into a segment by doing nothing is found when everybody is counted; who comes back leaves, and may come in again.

    Killed by: noting only who comes in, or `times` that does not grow: the second event would have the id of the first.
    """
    await door.take(bought("ada"))
    assert await counted(door, "at_risk") == 0
    for number in (1, 2):
        await away(door, "ada", 31)
        assert await counted(door, "at_risk") == 1
        assert len(await came(door)) == number
        await door.take(said("ada", "Page Viewed"))
        assert await counted(door, "at_risk") == 0
    rows = await door.rows(memberships)
    assert [(row.user_id, row.times, row.inside) for row in rows] == [("ada", 2, False)]
    assert len({event.event_id for event in await came(door)}) == 2


async def test_through_others(door: Door) -> None:
    """Whose score changes because of what others bought is found by the count that changes it.

    Killed by: judging by the population as it was before the count.
    """
    await door.take(*(bought("ada", 100) for _ in range(3)))
    await door.take(*(bought(f"big-{number}", 1000) for number in range(4) for _ in range(5)))
    assert await counted(door, "champion") == 0
    await door.take(bought("ada", 1000))
    assert await after(door, "ada", "champion") == []
    await door.take(*(said(f"small-{n}", "Order Completed", ago=DAY, value=1, currency="EUR") for n in range(20)))
    assert await counted(door, "champion") >= 1
    assert "ada" in {event.user_id for event in await came(door)}


async def test_forgotten(door: Door) -> None:
    """A segment that nothing has judged for a week begins anew: those who came into it meanwhile do not all come in today.

    Killed by: leaving the update out of storage.memberships.watch.
    """
    await door.take(bought("ada"))
    assert await counted(door, "high_value") == 0
    async with door.database.write() as connection:
        await connection.execute(update(watched).values(judged_at=datetime.now(UTC) - FORGOTTEN - DAY))
    await door.take(bought("ada"))
    assert await counted(door, "high_value") == 0
    assert await came(door) == []
    async with door.database.read() as connection:
        assert (await watched_now(connection))["high_value"].judged_at is not None


async def test_forged(door: Door) -> None:
    """An event of that name that a client sends is not ours, whatever it says; each of ours is, also one that comes late.

    Killed by: `return False` in is_forged, or asking for the last time alone.
    """
    await door.take(bought("ada"))
    await counted(door, "at_risk")
    for _ in range(2):
        await away(door, "ada", 31)
        assert await counted(door, "at_risk") == 1
        await away(door, "ada", 1)
        await counted(door, "at_risk")
    await door.take(
        said("ada", "Segment Entered", segment="at_risk"),
        said("ada", "Segment Entered", id="segment-at_risk-0-3", segment="at_risk"),
        said("bob", "Segment Entered", segment="at_risk"),
    )
    stored = await came(door)
    async with door.database.read() as connection:
        read = {event.seq: event for event in await read_events(connection, [row.seq for row in stored])}
        forged = [await is_forged(connection, read[row.seq], row.user_id) for row in stored]
    assert forged == [False, False, True, True, True]


async def test_one_that_throws(door: Door) -> None:
    """A condition that throws leaves whoever it throws at where they were: nobody comes in when it is mended.

    Killed by: taking None for outside in Watch.changes.
    """
    faults = set[str]()

    @segment()
    def moody(person: Profile, now: datetime) -> bool:
        if faults:
            raise KeyError(person.user_id)
        return bool(person.orders)

    try:
        await door.take(bought("ada"))
        assert await counted(door, "moody") == 0
        faults.add("now")
        await door.take(bought("bob"))
        assert await counted(door, "moody") == 0
        faults.clear()
        assert await counted(door, "moody") == 1
        assert [event.user_id for event in await came(door)] == ["bob"]
    finally:
        del SEGMENTS["moody"]


async def test_two_at_once(database_url: str) -> None:
    """B2: two processes that judge the same person at the same moment let them in once.

    Killed by: judging without the person's lock in Census._let_in.
    """
    async with opened_door(database_url) as door:
        await door.take(*(bought(f"u-{number:02}") for number in range(30)))
        await counted(door, "high_value")
        await door.take(*(bought(f"u-{number:02}") for number in range(30)))
        both = [Census(door.database, starting_on("high_value")) for _ in range(2)]
        told = await asyncio.gather(*(drained(each) for each in both))
        assert sum(told) == len(await came(door)) == 30
        assert {row.times for row in await door.rows(memberships)} == {1}


async def drained(census: Census) -> int:
    """Judge everybody; returns how many came in by that."""
    return [progress.entered async for progress in census.take()][-1]
