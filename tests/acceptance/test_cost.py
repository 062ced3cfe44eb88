"""What the shipped journeys cost on Temporal, by the server's own count of billed actions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from stack import TemporalServer
from tests.metering import Meter, undisturbed
from tests.servers import wait_until
from tests.stage import Stage, kinds, staged


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def quiet_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """A server that nobody else uses, so that every action on it is ours."""
    async with undisturbed(tmp_path_factory.mktemp("metered")) as server:
        yield server


@pytest_asyncio.fixture
async def metered(quiet_server: TemporalServer, tmp_path: Path) -> AsyncIterator[tuple[Stage, TemporalServer]]:
    """A stage on that server."""
    async with staged(f"sqlite:///{tmp_path / 'journeyman.db'}", quiet_server.address, tmp_path) as stage:
        yield stage, quiet_server


@pytest.mark.parametrize("touches", [0, 5])
async def test_bought_in_the_quiet_hour(metered: tuple[Stage, TemporalServer], touches: int) -> None:
    """A cart that is bought in its quiet hour costs 1 action and at most 6 events, also after five touches.

    Killed by: signalling touches to the run, or by ending it with a signal.
    """
    stage, server = metered
    user = f"quiet-{touches}"
    await stage.knows(user)
    meter = await Meter.at_zero(server)
    for touch in range(touches + 1):
        await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=str(30 + touch), currency="EUR"))
    assert await meter.spent() == 1
    await stage.happens(stage.event(user, "Cart Emptied", id=f"{user}-emptied", cart_id="c"))
    assert "Cart Emptied" in (await stage.result("cart_abandonment", user, "c"))["outcome"]
    assert await meter.spent() == 1
    assert len((await stage.handle("cart_abandonment", user, "c").fetch_history()).events) <= 6


async def test_cart_reminders(metered: tuple[Stage, TemporalServer]) -> None:
    """Up to and with its first message a cart costs 2 actions and at most 11 events, and the second at most 2 more.

    Killed by: asking for the quiet in an activity of its own.
    """
    stage, server = metered
    await stage.knows("reminded")
    meter = await Meter.at_zero(server)
    await stage.happens(stage.event("reminded", "Cart Updated", cart_id="c", value="30", currency="EUR"))
    await stage.wake("cart_abandonment", "reminded", "c")
    assert kinds(await stage.sent("reminded")) == ["email cart/still_here"]
    await stage.wake("cart_abandonment", "reminded", "c")
    await stage.result("cart_abandonment", "reminded", "c")
    assert len(await stage.sent("reminded", 2)) == 2
    assert await meter.spent() == 4
    assert await events_until_first_message(stage, "cart_abandonment", "reminded", "c") <= 11


async def test_win_back(metered: tuple[Stage, TemporalServer]) -> None:
    """Visits cost nothing; up to and with its first message win-back costs 2 actions and at most 11 events."""
    stage, server = metered
    await stage.knows("away")
    meter = await Meter.at_zero(server)
    await stage.happens(stage.event("away", "Page Viewed", path="/"))
    assert await meter.spent() == 1
    await stage.wake("win_back", "away")
    assert kinds(await stage.sent("away")) == ["email win_back/we_miss_you"]
    await wait_until(lambda: stage.timelapse.until_wake(stage.handle("win_back", "away")))
    assert await meter.spent() == 3, f"the start, the message, the timer towards the second one: {meter.kinds}"
    assert await events_until_first_message(stage, "win_back", "away") <= 11


async def test_prolonged_quiet(metered: tuple[Stage, TemporalServer]) -> None:
    """However often a person returns in thirty days, going on being quiet costs at most 2 actions for all of it."""
    stage, server = metered
    await stage.knows("back")
    meter = await Meter.at_zero(server)
    first = stage.event("back", "Page Viewed", path="/")
    await stage.happens(first)
    for visit in range(4):
        later = first.occurred_at + timedelta(minutes=visit + 1)
        await stage.happens(stage.event("back", "Page Viewed", at=later, path=f"/{visit}"))
    assert await meter.spent() == 1, "a visit costs nothing"
    before = await stage.run_id("win_back", "back")
    await stage.wake("win_back", "back")
    await stage.asleep_again("win_back", "back", after=before)
    assert await meter.spent() <= 3
    assert await stage.sends("back") == []


async def events_until_first_message(stage: Stage, journey: str, user: str, key: str = "") -> int:
    """History events up to the one that says what became of the first message, and the workflow task it wakes."""
    history = await stage.handle(journey, user, key).fetch_history()
    counted = [
        event for event in history.events if "TimeSkipping" not in _kind(event) and "Options" not in _kind(event)
    ]
    place = next(place for place, event in enumerate(counted) if _kind(event) == "ActivityTaskCompleted")
    return place + 1 + 3


def _kind(event: HistoryEvent) -> str:
    words = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").split("_")
    return "".join(word.title() for word in words)
