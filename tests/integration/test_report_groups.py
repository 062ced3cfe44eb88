"""People who were let in beside those who were held out: who is counted, from when on, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from reporting.comparison import Comparison
from tests.reported import DAY, DAY_ONE, HOUR, NOW, World, both_groups, held_out, world_over
from workflows.variants import HELD, LET_IN

BOUGHT = "Order Completed"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_over(database_url) as world:
        yield world


async def lift(world: World, journey: str, **days: object) -> Comparison:
    """The one line of this journey."""
    report = await world.report(**days)  # type: ignore[arg-type]
    (found,) = [each for each in report.lifts if each.journey == journey]
    return found


def sizes(found: Comparison) -> tuple[int, int, int, int]:
    """Let in and reached, held out and reached."""
    return found.mine.seen, found.mine.hits, found.theirs.seen, found.theirs.hits


async def test_both_groups_alike(world: World) -> None:
    """Goal and money are counted for both groups in the same days after the entry; nothing before it, nothing after.

    Killed by: leaving `seq >`, the lower or the upper bound out of `in_window`, or counting one group from another moment.
    """
    await world.does("in-1", BOUGHT, DAY_ONE - HOUR, value="900", currency="EUR")
    for user, drawn in both_groups():
        await world.enters("onboarding", user, drawn=drawn)
    await world.does("in-1", BOUGHT, DAY_ONE + 7 * DAY - HOUR, value="10.10", currency="EUR")
    await world.does("in-1", BOUGHT, DAY_ONE + HOUR, value=20, currency="eur")
    await world.does("in-2", BOUGHT, DAY_ONE + 7 * DAY + HOUR, value="30", currency="EUR")
    await world.does("in-3", BOUGHT, DAY_ONE - DAY, value="500", currency="EUR")  # it happened before, and came late
    await world.does("out-1", BOUGHT, DAY_ONE + 2 * DAY, value="5", currency="USD")
    await world.does("out-2", "Page Viewed", DAY_ONE + HOUR)
    found = await lift(world, "onboarding")
    assert sizes(found) == (3, 1, 2, 1)
    mine, theirs = found.revenue("EUR")
    assert (mine.people, round(mine.total, 2), theirs.people, theirs.total) == (3, 30.10, 2, 0)
    assert round(mine.squares, 4) == round(30.10**2, 4)
    assert [mean.total for mean in found.revenue("USD")] == [0, 5]
    assert found.currencies == ["EUR", "USD"]


async def test_as_drawn(world: World) -> None:
    """Whoever was let in is counted, whatever became of it: no message, a pass that was dropped, one that ended at once.

    Killed by: counting only passes whose state is `started`, or people who were sent something.
    """
    await world.enters("onboarding", "in-1", drawn=LET_IN, reason="the condition to enter no longer held")
    await world.enters("onboarding", "in-2", drawn=LET_IN)
    await world.is_sent("onboarding", "in-2", DAY_ONE + HOUR)
    await world.enters("onboarding", "out-1", drawn=HELD)
    assert sizes(await lift(world, "onboarding")) == (2, 0, 1, 0)


async def test_once_each(world: World) -> None:
    """A person counts once, with the first pass for which they were drawn: a later one lies behind what the journey did.

    Killed by: counting passes, or the first one of the days that are asked for.
    """
    for user, drawn in both_groups():
        await world.enters("onboarding", user, drawn=drawn)
        await world.enters("onboarding", user, DAY_ONE + 10 * DAY, drawn=drawn)
    await world.does("in-1", "Product Added", DAY_ONE + 11 * DAY)
    assert sizes(await lift(world, "onboarding")) == (3, 0, 2, 0)
    assert not (await world.report("2026-03-10")).lifts


async def test_who_was_not_drawn(world: World) -> None:
    """Who entered before there was a holdout, and who was kept out once and came in after it was taken away, are compared
    with nobody; a person counts with the pass for which they were drawn.

    Killed by: taking everybody who was let in for a group to compare with.
    """
    await world.enters("onboarding", "before")
    await world.enters("onboarding", "early")
    await world.enters("onboarding", "early", DAY_ONE + 3 * DAY, drawn=LET_IN)
    await world.does("early", "Product Added", DAY_ONE + DAY)
    await world.enters("onboarding", "out-1", drawn=HELD)
    await world.enters("cart_abandonment", "elsewhere", drawn=HELD)
    await world.enters("onboarding", "elsewhere")
    assert sizes(await lift(world, "onboarding")) == (1, 0, 1, 0)


async def test_everybody_by_one_holdout(world: World) -> None:
    """Whoever the holdout of all journeys lets in or keeps out is compared in each journey that they come to.

    Killed by: looking for the journey's own holdout alone.
    """
    for user, drawn in both_groups():
        await world.enters("cart_abandonment", user, drawn=drawn, name="Cart Updated", key="c", cart_id="c")
    async with world.database.write() as connection:
        await connection.exec_driver_sql("UPDATE assignments SET experiment = 'holdout'")
        await connection.exec_driver_sql("UPDATE entries SET journey = 'onboarding'")
    assert sizes(await lift(world, "onboarding")) == (3, 0, 2, 0)


async def test_a_window_that_is_open(world: World) -> None:
    """Who can still reach the goal is not counted yet, and said to be there.

    Killed by: counting people whose window is not over.
    """
    for user, drawn in both_groups():
        await world.enters("onboarding", user, drawn=drawn)
    await world.enters("onboarding", "new", NOW - DAY, drawn=LET_IN)
    await world.does("new", BOUGHT, NOW - HOUR, value="7", currency="EUR")
    found = await lift(world, "onboarding")
    assert (sizes(found), found.mine.people) == ((3, 0, 2, 0), 4)
    assert found.revenue("EUR")[0].total == 0
    shorter = await lift(world, "onboarding", window=1)
    assert sizes(shorter) == (4, 1, 2, 0)


async def test_quiet_for_both(world: World) -> None:
    """A journey that waits for quiet begins, for those it let in and those it held out, when nothing has been touched for so
    long: not for who bought before that, and later for who went on.

    Killed by: counting from the entry, not looking for what ends the quiet, or keys that are mixed up.
    """
    for user, drawn in (*both_groups(), ("out-3", HELD)):
        await world.enters("cart_abandonment", user, drawn=drawn, name="Cart Updated", key="c-1", cart_id="c-1")
    await world.does("in-1", BOUGHT, DAY_ONE + HOUR / 2, value="50", currency="EUR")
    await world.does("out-1", "Cart Emptied", DAY_ONE + HOUR / 2, cart_id="c-1")
    await world.does("in-2", "Cart Emptied", DAY_ONE + HOUR / 2, cart_id="another")
    for minutes in (40, 80, 120):
        await world.does("out-2", "Cart Updated", DAY_ONE + timedelta(minutes=minutes), cart_id="c-1")
    await world.does("in-3", "Cart Updated", DAY_ONE + timedelta(minutes=40), cart_id="another")
    assert sizes(await lift(world, "cart_abandonment")) == (2, 0, 2, 0)
    await world.does("in-3", BOUGHT, DAY_ONE + 2 * HOUR, value="50", currency="EUR")
    await world.does("out-2", BOUGHT, DAY_ONE + 2.5 * HOUR, value="50", currency="EUR")
    found = await lift(world, "cart_abandonment")
    assert (sizes(found), [mean.total for mean in found.revenue("EUR")]) == ((2, 1, 1, 0), [50, 0])
    when = DAY_ONE + DAY
    await world.enters("cart_abandonment", "out-1", when, drawn=HELD, name="Cart Updated", key="c-2", cart_id="c-2")
    assert sizes(await lift(world, "cart_abandonment")) == (2, 1, 2, 0)


async def test_quiet_that_is_not_over(world: World) -> None:
    """While the quiet lasts, nobody's journey has begun; a journey on what anybody does counts from thirty quiet days on.

    Killed by: taking the last touch for the end of the quiet without a look at the clock.
    """
    start, end = NOW - 50 * DAY, "2026-04-30"
    for user, drawn in both_groups():
        await world.enters("win_back", user, start, drawn=drawn, name="Page Viewed")
        await world.does(user, "Product Viewed", start + 5 * DAY)
    await world.does("in-1", "Video Playback Started", start + 21 * DAY)
    await world.does("in-2", "Page Viewed", start + 38 * DAY)
    await world.does("out-1", "Page Viewed", start + 36 * DAY)
    found = await lift(world, "win_back", first="2026-02-01", last=end)
    assert sizes(found) == (2, 1, 2, 1)
    assert found.mine.people == 2
    later = await lift(world, "win_back", first="2026-02-01", last=end, now=NOW + 20 * DAY)
    assert sizes(later) == (3, 1, 2, 1)


async def test_days_of_the_shop(world: World) -> None:
    """The days are those of the shop's own clock.

    Killed by: days that begin at midnight UTC.
    """
    for user, drawn in both_groups():
        await world.enters("onboarding", user, DAY_ONE.replace(day=2, hour=23), drawn=drawn)
    assert not (await world.report("2026-03-03", "2026-03-03")).lifts
    found = await lift(world, "onboarding", first="2026-03-03", last="2026-03-03", zone="Europe/Berlin")
    assert sizes(found) == (3, 0, 2, 0)


async def test_groups_of_the_wrong_size(world: World) -> None:
    """Where the groups are not as large as the draw makes them, nothing is to be believed, and the report says so.

    Killed by: not comparing with the shares of the code.
    """
    for number in range(40):
        await world.enters("onboarding", f"in-{number}", drawn=LET_IN)
        await world.enters("onboarding", f"out-{number}", drawn=HELD)
    world.catalogue = held_out(world.catalogue, 50, "onboarding")
    assert not (await lift(world, "onboarding")).is_lopsided
    world.catalogue = held_out(world.catalogue, 10, "onboarding")
    found = await lift(world, "onboarding")
    assert found.is_lopsided
    assert "not to be believed" in found.reading
    world.catalogue = held_out(world.catalogue, 0, "onboarding")
    assert not (await lift(world, "onboarding")).is_lopsided
