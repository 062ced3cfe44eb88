"""Who a person is by everything that is committed, at the moment of asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest_asyncio
from sqlalchemy import update

from activities.policy import Policy
from activities.reach import Reach
from events import Activity, OrderCompleted, ProductViewed
from ingestion.census import Census
from profiles.addresses import Addresses
from storage.people import read_person
from storage.population import standing_of
from storage.profiles import profile_of
from storage.tables import population
from tests.door import Door, opened_door, said
from workflows.catalogue import Catalogue
from workflows.profile import Consent, Profile, Scores

DAY = timedelta(days=1)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0"


@pytest_asyncio.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


async def known(door: Door, user: str, now: datetime | None = None) -> Profile:
    """As a condition would see the person at that moment."""
    async with door.database.read() as connection:
        person = await read_person(connection, user)
        assert person is not None
        return await profile_of(connection, person, now or datetime.now(UTC))


async def counted(door: Door, catalogue: Catalogue | None = None) -> int:
    """Count everybody; returns how many have come into a segment."""
    census = Census(door.database, catalogue or Catalogue([]))
    assert await census.begin(timedelta(0))
    entered = 0
    async for progress in census.take():
        entered = progress.entered
    return entered


async def moved(door: Door, **ago: int) -> None:
    """Let the last count have been begun, and taken, so many minutes ago."""
    moments = {f"{name}_at": datetime.now(UTC) - timedelta(minutes=minutes) for name, minutes in ago.items()}
    async with door.database.write() as connection:
        await connection.execute(update(population).values(moments))


async def test_behaviour(door: Door) -> None:
    """How often and when last, ever and in each window, from the moment the events are answered; and only of kinds that we know.

    Killed by: `>=` another window in WINDOWS, leaving the filter on KINDS out, or grouping by user alone.
    """
    views = [said("ada", "Product Viewed", ago=ago, product_id="p") for ago in (DAY, 8 * DAY, 31 * DAY, 91 * DAY)]
    await door.take(*views, said("ada", "Ate ada@example.com", note="x"), said("bob", "Product Viewed", product_id="p"))
    ada = await known(door, "ada")
    viewed = ada.did(ProductViewed)
    assert (viewed.count, viewed.quarter, viewed.month, viewed.week) == (4, 3, 2, 1)
    assert viewed.last_at == views[0].occurred_at
    assert "ada@" not in ada.model_dump_json()
    await door.take(said("ada", "Product Viewed", product_id="p"))
    assert (await known(door, "ada")).did(Activity).week == 2
    assert (await known(door, "bob")).did(ProductViewed).count == 1
    assert (await known(door, "ada", datetime.now(UTC) + 100 * DAY)).did(ProductViewed).quarter == 0


async def test_merged(door: Door) -> None:
    """What was done before it was known who it is belongs to the person as soon as that is known, the device included.

    Killed by: leaving `see` out of Consequences.adopt.
    """
    for number in range(3):
        await door.take(
            said(None, "Product Viewed", nobody="a-1", product_id=f"p-{number}", context={"userAgent": PHONE})
        )
    await door.take(
        said("ada", "Identified", nobody="a-1", traits={"email": "ada@example.com"}),
        said("ada", "Order Completed", value="20", currency="EUR", context={"userAgent": DESKTOP}),
    )
    ada = await known(door, "ada")
    assert ada.did(ProductViewed).count == 3
    assert (ada.browses_on, ada.buys_on) == ("mobile", "desktop")
    assert "browses_mobile_buys_desktop" in ada.segments


async def test_scores(door: Door) -> None:
    """Scores are those of the last count of the population, by what the person has bought up to this second.

    Killed by: writing scores to people in the count instead of the cuts, or reading people who never bought into Count.
    """
    for number in range(10):
        orders = [
            said(f"u-{number}", "Order Completed", ago=(20 - number) * DAY, value=10 * (number + 1), currency="EUR")
            for _ in range(number + 1)
        ]
        await door.take(*orders)
    await door.take(*(said(f"looks-{number}", "Page Viewed") for number in range(20)))
    assert (await known(door, "u-9")).scores == Scores()
    await counted(door)
    for number, fifth in enumerate((1, 1, 2, 2, 3, 3, 4, 4, 5, 5)):
        scores = (await known(door, f"u-{number}")).scores
        assert scores == Scores(recency=fifth, frequency=fifth, monetary=fifth)
    assert (await known(door, "looks-1")).scores == Scores()
    await door.take(said("u-0", "Order Completed", value=10_000, currency="EUR"))
    assert (await known(door, "u-0")).scores == Scores(recency=5, frequency=1, monetary=5)
    assert "champion" in (await known(door, "u-9")).segments


async def test_what_a_journey_is_told(door: Door) -> None:
    """A journey is told consent, dates and the traits that are allowed; and no channel that the person has refused.

    Killed by: leaving `consent`, `traits` or `blocked` out of Reach.told.
    """
    await door.take(
        said("ada", "Identified", traits={"email": "ada@example.com", "plan": "pro", "renews_at": "2027-01-01"}),
        said("ada", "Subscribed", channel="push", topic="news"),
        said("ada", "Unsubscribed", channel="email"),
    )
    reach = Reach(Policy(dates={"renews_at": "once"}, traits=frozenset(["plan", "email"])), Addresses("secret"))
    async with door.database.read() as connection:
        person = await read_person(connection, "ada")
        assert person is not None
        told = await reach.told(connection, person, datetime.now(UTC))
    assert told.traits == {"plan": "pro"}
    assert told.date("renews_at").date == "2027-01-01"
    assert told.channels == ()
    assert told.consent == (
        Consent(channel="email", topic="*", given=False),
        Consent(channel="push", topic="news", given=True),
    )
    assert Profile.model_validate(told.model_dump(mode="json", exclude_defaults=True)) == told
    assert (await known(door, "ada")).trait("email") == "ada@example.com", "a condition sees every plain trait"


async def test_one_counts(door: Door) -> None:
    """Of several processes one counts, once an hour; one that died at it is followed by another after ten minutes.

    Killed by: leaving is_left or is_due out of begin_count.
    """
    first, second = Census(door.database, Catalogue([])), Census(door.database, Catalogue([]))
    assert sorted(await asyncio.gather(first.begin(), second.begin())) == [False, True]
    await moved(door, begun=11)
    assert await second.begin(), "whoever began has not come to an end"
    async for _ in second.take():
        pass
    async with door.database.read() as connection:
        standing = await standing_of(connection)
    assert standing is not None
    assert standing.taken_at is not None
    await moved(door, begun=50, taken=49)
    assert not await first.begin(), "counted within the hour"
    await moved(door, begun=61, taken=49)
    assert await first.begin()


async def test_money_is_exact(door: Door) -> None:
    """Amounts are compared as decimals: 0.1 three times is 0.3, and two people who spent that have one score.

    Killed by: float for Decimal in Population.plain or Count.
    """
    await door.take(*(said("thrice", "Order Completed", value="0.1", currency="EUR") for _ in range(3)))
    await door.take(said("once", "Order Completed", value="0.3", currency="EUR"))
    await door.take(*(said(f"less-{n}", "Order Completed", value="0.01", currency="EUR") for n in range(3)))
    await counted(door)
    thrice, once = await known(door, "thrice"), await known(door, "once")
    assert thrice.spent == once.spent == Decimal("0.3")
    assert thrice.scores.monetary == once.scores.monetary == 4
    assert thrice.did(OrderCompleted).count == 3
