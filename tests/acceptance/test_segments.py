"""Journeys by who a person is: their profile in a branch, and coming into a segment as the start."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import update

from ingestion.census import Census
from profiles.person import Person
from stack import TemporalServer
from storage.people import write_people
from storage.runs import entries_of_person
from storage.tables import people
from tests.servers import wait_until
from tests.stage import Stage, kinds, staged

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0"


async def counted(stage: Stage) -> int:
    """Count everybody, as the service does every hour; returns how many have come into a segment."""
    census = Census(stage.database, stage.catalogue, woken=stage.relay.wake)
    assert await census.begin(timedelta(0))
    return [progress.entered async for progress in census.take()][-1]


async def test_a_branch(temporal: TemporalServer, database_url: str, tmp_path: Path, user: str) -> None:
    """C1: a journey branches on traits, counts, engagement and devices as they are when it asks, of the event that started it too.

    Killed by: leaving `behaviour` or `traits` out of Reach.told, or `devices` out of Person.see.
    """
    phone, desktop = {"userAgent": PHONE}, {"userAgent": DESKTOP}
    async with staged(database_url, temporal.address, tmp_path, profile_traits="plan") as stage:
        await stage.knows(user, plan="pro")
        views = [stage.event(user, "Product Viewed", product_id=f"p-{n}", context=phone) for n in range(3)]
        order = stage.event(user, "Order Completed", value=20, currency="EUR", context=desktop)
        await stage.happens(*views, order, stage.event(user, "File Downloaded", file_name="knowing", context=phone))
        await stage.result("knowing", user)
        mine = [line for line in await stage.sends(user) if line.journey == "knowing"]
    assert kinds(mine) == ["email onboarding/welcome"]


async def test_comes_into_a_segment(stage: Stage, user: str) -> None:
    """F2, F3: the second purchase makes a regular, who is thanked within a second of it, and not again at the third.

    Killed by: leaving Watch.after out of the relay, or its wake.
    """
    await counted(stage)
    await stage.knows(user)
    await stage.happens(stage.event(user, "Order Completed", order_id=f"{user}-1", value=150, currency="EUR"))
    assert not await _entered(stage, user, "regular")
    began = asyncio.get_running_loop().time()
    await stage.take(stage.event(user, "Order Completed", order_id=f"{user}-2", value=150, currency="EUR"))
    await wait_until(lambda: _thanked(stage, user, 1), 20)
    assert asyncio.get_running_loop().time() - began < 10
    await stage.happens(stage.event(user, "Order Completed", order_id=f"{user}-3", value=150, currency="EUR"))
    assert await counted(stage) == 0
    await stage.routed()
    assert await _thanked(stage, user, 1)


async def test_slips_away(stage: Stage, user: str) -> None:
    """Who has not been seen for a month is let in by the hourly count, if the journey's condition holds; a purchase ends it.

    Killed by: leaving `segment` out of the stored event, or routing nothing of what the count finds.
    """
    others = [f"{user}-none", f"{user}-visitor"]
    await stage.knows(user)
    await stage.knows(others[0], plan="none")
    for each in (user, others[0]):
        await stage.take(stage.event(each, "Order Completed", order_id=f"{each}-1", value=15, currency="EUR"))
    await stage.happens(stage.event(others[1], "Page Viewed"))
    await counted(stage)
    async with stage.database.write() as connection:
        await connection.execute(update(people).values(last_seen_at=datetime.now(UTC) - timedelta(days=31)))
    assert await counted(stage) == 2
    await stage.routed()
    assert [await _entered(stage, each, "slipping") for each in (user, *others)] == [True, False, False]
    await wait_until(lambda: _sent(stage, user, "slipping"), 20)
    await stage.happens(stage.event(user, "Order Completed", order_id=f"{user}-2", value=15, currency="EUR"))
    assert (await stage.result("slipping", user))["outcome"].startswith("ended by Order Completed")


async def test_sends_go_on(stage: Stage, user: str) -> None:
    """C6: while everybody is counted and judged again and again, people buy, enter and are written to; nobody waits for the end.

    Killed by: one transaction around all of Census.take.
    """
    now = datetime.now(UTC)
    crowd = [
        Person(f"{user}-{n}", now, orders=1 + n % 5, spent=Decimal(n % 200), last_order_at=now, last_seen_at=now)
        for n in range(1500)
    ]
    async with stage.database.write() as connection:
        await write_people(stage.database, connection, crowd)
    await counted(stage)
    over, counts = asyncio.Event(), 0

    async def count() -> None:
        nonlocal counts
        while not over.is_set():
            await counted(stage)
            counts += 1

    counting = asyncio.create_task(count())
    try:
        for number in range(5):
            buyer, before = f"{user}-buyer-{number}", counts
            await stage.knows(buyer)
            for order in range(2):
                await stage.take(
                    stage.event(buyer, "Order Completed", order_id=f"{buyer}-{order}", value=150, currency="EUR")
                )
            await wait_until(lambda buyer=buyer: _thanked(stage, buyer, 1), 30)  # type: ignore[misc]
            await wait_until(lambda before=before: counts > before, 30)  # type: ignore[misc]
    finally:
        over.set()
        await counting
    assert counts >= 5
    for number in range(5):
        assert await _thanked(stage, f"{user}-buyer-{number}", 1)


async def _thanked(stage: Stage, user: str, times: int) -> bool:
    lines = [line for line in await stage.sends(user, status="accepted") if line.journey == "regular"]
    return len(lines) == times


async def _entered(stage: Stage, user: str, journey: str) -> bool:
    async with stage.database.read() as connection:
        return any(entry.place.journey == journey for entry in await entries_of_person(connection, user))


async def _sent(stage: Stage, user: str, journey: str) -> bool:
    return any(line.journey == journey for line in await stage.sends(user, status="accepted"))
