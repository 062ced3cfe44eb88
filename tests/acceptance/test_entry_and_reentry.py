"""Entry and re-entry: never, after a while, always; and what is refused before anybody enters."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import ModuleType

import pytest
from sqlalchemy import update

from errors import JourneyError
from events import FileDownloaded, OrderCompleted
from storage.runs import Entry, entries_of_person
from storage.tables import entries
from tests.acceptance.doors import second_door
from tests.servers import wait_until
from tests.stage import Stage, kinds
from workflows import User, after, always, days, hours, journey
from workflows.catalogue import listed

DAY = timedelta(days=1)


async def test_never_again(stage: Stage, user: str) -> None:
    """F1: a journey that is walked once lets nobody in a second time.

    Killed by: _permits answering True for `never`.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    await stage.wake("nap", user)
    await stage.result("nap", user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    assert len(await entered(stage, user, "nap")) == 1
    assert not await stage.is_open("nap", user)


async def test_again_after_thirty_days(stage: Stage, user: str) -> None:
    """F1, F3: after 30 days, and not before, two cart events at once through two doors open one more pass, with its own mails.

    Killed by: counting from the run's end in Router._permits, or leaving the entry out of ledger.step_key.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=40, currency="EUR"))
    await stage.wake("cart_abandonment", user, "c")
    await stage.sent(user)
    await stage.wake("cart_abandonment", user, "c")
    await stage.result("cart_abandonment", user, "c")

    await happened(stage, user, 29 * DAY)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=40, currency="EUR"))
    assert len(await entered(stage, user, "cart_abandonment")) == 1

    await happened(stage, user, 1 * DAY)
    first, second = (stage.event(user, "Cart Updated", cart_id="c", value=50, currency="EUR") for _ in range(2))
    async with second_door(stage) as other:
        await asyncio.gather(stage.take(first), other.accept([second]))
        await stage.routed()
    assert len(await entered(stage, user, "cart_abandonment")) == 2

    async def third_mail() -> bool:
        # The second event is a touch: the run may sleep on once more before it speaks.
        if len(await stage.sends(user)) == 3:
            return True
        await stage.timelapse.wake(stage.handle("cart_abandonment", user, "c"))
        return False

    await wait_until(third_mail, 20)
    lines = sorted(await stage.sends(user), key=lambda line: line.machine_at)
    assert kinds(lines) == ["email cart/still_here", "email cart/last_call", "email cart/still_here"]
    assert len({line.send_key for line in lines}) == 3


async def test_always(stage: Stage, user: str) -> None:
    """F1, F3: five events at once open one pass; the first left over opens the next when that has ended; each pass has its mail.

    Killed by: not adding a waiting entry in Router._start while a run is open, or leaving the entry out of step_key.
    """
    await stage.knows(user)
    five = [stage.event(user, "Video Playback Completed", content_asset_id="rerun-1") for _ in range(5)]
    async with second_door(stage) as other:
        await asyncio.gather(stage.take(*five[:2]), other.accept(five[2:]))
    await stage.sent(user, 1)
    first = await stage.run_id("rerun", user, "rerun-1")
    assert len(await stage.sends(user)) == 1
    await stage.wake("rerun", user, "rerun-1")
    await stage.asleep_again("rerun", user, "rerun-1", after=first)
    await stage.sent(user, 2)
    await stage.wake("rerun", user, "rerun-1")
    await stage.result("rerun", user, "rerun-1")
    await stage.routed()

    await stage.happens(stage.event(user, "Video Playback Completed", content_asset_id="rerun-1"))
    lines = await stage.sent(user, 3)
    assert len({line.entry_id for line in lines}) == len({line.send_key for line in lines}) == 3


async def test_always_elsewhere(stage: Stage, user: str) -> None:
    """F1: passes of other keys run beside each other.

    Killed by: leaving the key out of the place in Router._start.
    """
    await stage.knows(user)
    await stage.happens(
        *(stage.event(user, "Video Playback Completed", content_asset_id=f"rerun-{number}") for number in range(3))
    )
    assert len(await stage.sent(user, 3)) == 3
    assert [await stage.is_open("rerun", user, f"rerun-{number}") for number in range(3)] == [True] * 3


async def test_win_back_returns(stage: Stage, user: str) -> None:
    """F1, F2: one visit ends the win-back that has begun and opens the next thirty days of quiet, which end in a mail again.

    Killed by: not letting a start wait for the run before it to close in Router._start.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Product Viewed", product_id="p"))
    await stage.wake("win_back", user)
    assert kinds(await stage.sent(user)) == ["email win_back/we_miss_you"]
    first = await stage.run_id("win_back", user)

    await stage.happens(stage.event(user, "Product Viewed", id=f"{user}-back", product_id="p"))
    ended = stage.client.get_workflow_handle(f"win_back/{user}", run_id=first)
    async with asyncio.timeout(20):
        assert (await ended.result())["outcome"] == f"ended by Product Viewed ({user}-back)"
    await stage.asleep_again("win_back", user, after=first)
    assert [entry.event_id for entry in await entered(stage, user, "win_back")][1:] == [f"{user}-back"]
    assert len(await stage.sends(user)) == 1
    await stage.wake("win_back", user)
    assert kinds(await stage.sent(user, 2)) == ["email win_back/we_miss_you"] * 2


async def test_visit_prolongs_the_quiet(stage: Stage, user: str) -> None:
    """F2: a visit while win-back has not begun is neither its end nor a second entry.

    Killed by: leaving `is_touch` out of Router._end, or the look at begun_seq out of Router._start.
    """
    await stage.knows(user)
    for _ in range(3):
        await stage.happens(stage.event(user, "Product Viewed", product_id="p"))
    assert await stage.is_open("win_back", user)
    assert len(await entered(stage, user, "win_back")) == 1


def test_repeatable_without_a_bound() -> None:
    """F7: `always` on an event that can repeat without bound is refused, and the refusal names the three ways out.

    Killed by: dropping that rule in definition.journey.
    """
    with pytest.raises(JourneyError) as refused:

        @journey(starts_on=FileDownloaded, again=always)
        async def endless(user: User, file: FileDownloaded) -> None:
            await user.sleep(days(1))

    for way in ("one_per=", "FileDownloaded.then_quiet(", "again=after("):
        assert way in str(refused.value)
    assert str(refused.value).startswith("endless: ")


def test_the_three_ways() -> None:
    """F7: each of the three ways that the refusal names is let in.

    Killed by: refusing `always` whatever else is declared.
    """

    async def endless(user: User, order: OrderCompleted) -> None:
        await user.sleep(days(1))

    assert journey(starts_on=OrderCompleted, again=always, one_per="order_id")(endless).one_per == "order_id"
    assert journey(starts_on=OrderCompleted.then_quiet(hours(1)), again=always)(endless).quiet == hours(1)
    assert journey(starts_on=OrderCompleted, again=after(days(1)))(endless).again.wait == DAY


def test_file_without_its_journey() -> None:
    """F7: a file that holds no journey of its name is refused with the line to write.

    Killed by: taking any journey of the module in definition.journey_of.
    """
    with pytest.raises(JourneyError, match="decorate `async def misnamed` with @journey"):
        listed(ModuleType("misnamed"), "misnamed")


async def entered(stage: Stage, user: str, name: str) -> list[Entry]:
    """This person's entries into a journey that opened a pass, oldest first."""
    async with stage.database.read() as connection:
        found = await entries_of_person(connection, user)
    return [entry for entry in found if entry.place.journey == name and entry.state == "started"]


async def happened(stage: Stage, user: str, ago: timedelta) -> None:
    """Move all the person's entries that much further into the past."""
    for entry in await entered(stage, user, "cart_abandonment"):
        moved = update(entries).where(entries.c.user_id == user, entries.c.event_id == entry.event_id)
        async with stage.database.write() as connection:
            await connection.execute(moved.values(entered_at=entry.entered_at - ago))
