"""Quiet hours: a message waits for the morning on a timer, and is judged again when it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest_asyncio
from temporalio.api.enums.v1 import EventType

from stack import TemporalServer
from storage.consents import consent
from tests.servers import wait_until
from tests.stage import Stage, kinds, staged

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@asynccontextmanager
async def night(temporal: TemporalServer, tmp_path: Path) -> AsyncIterator[Stage]:
    """The whole system, an hour before the middle of the night in Berlin, which lasts two and a half hours."""
    middle = datetime.now(ZoneInfo("Europe/Berlin")) + HOUR
    window = f"{middle - 30 * MINUTE:%H:%M}-{middle + 2 * HOUR:%H:%M}"
    url = f"sqlite+aiosqlite:///{tmp_path / 'journeyman.db'}"
    async with staged(url, temporal.address, tmp_path, quiet_hours=window) as stage:
        yield stage


@pytest_asyncio.fixture
async def held(temporal: TemporalServer, tmp_path: Path, user: str) -> AsyncIterator[Stage]:
    """A stage on which a cart's reminder has fallen into quiet hours and is held."""
    async with night(temporal, tmp_path) as stage:
        await stage.knows(user)
        await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
        await stage.wake("cart_abandonment", user, "c")

        async def is_held() -> bool:
            return bool(await stage.sends(user, status="held"))

        await wait_until(is_held)
        yield stage


async def test_held_until_the_morning(held: Stage, user: str) -> None:
    """E1: a message that falls into quiet hours waits on a timer that says so, and goes out at their end in the person's zone.

    Killed by: waiting in the activity, or reading the window in UTC in Timing.rest.
    """
    (line,) = await held.sends(user)
    morning = line.until
    assert morning is not None
    assert morning - datetime.now(UTC) > 2 * HOUR
    await held.wake("cart_abandonment", user, "c")
    (line,) = await held.sent(user)
    assert timedelta(0) <= line.at - morning < MINUTE
    history = await held.handle("cart_abandonment", user, "c").fetch_history()
    timers = [event for event in history.events if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    local = morning.astimezone(ZoneInfo("Europe/Berlin"))
    assert f"{local:%H:%M} Europe/Berlin: quiet hours" in timers[0].user_metadata.summary.data.decode()
    await held.wake("cart_abandonment", user, "c")
    account = await held.result("cart_abandonment", user, "c")
    assert any("held until" in told for told in account["story"])


async def test_bought_in_the_night(held: Stage, user: str) -> None:
    """E2: who buys in the night gets no mail in the morning.

    Killed by: not cancelling a run that waits for a held message.
    """
    await held.happens(held.event(user, "Order Completed", id="bought", cart_id="c", order_id="o"))
    account = await held.result("cart_abandonment", user, "c")
    assert account["outcome"] == "ended by Order Completed (bought)"
    assert await held.sends(user, status="accepted") == []


async def test_unsubscribed_in_the_night(held: Stage, user: str) -> None:
    """E2, H1: a held message is judged again when its time has come: who unsubscribed meanwhile does not get it.

    Killed by: skipping Reach.choose for a line that is held.
    """
    await consent(held.database, user, "email", "carts", given=False, reason="unsubscribed", now=datetime.now(UTC))
    await held.wake("cart_abandonment", user, "c")

    async def withheld() -> bool:
        return bool(await held.sends(user, status="withheld"))

    await wait_until(withheld)
    (line,) = await held.sends(user)
    assert line.reason is not None
    assert "unsubscribed or suppressed" in line.reason


async def test_transactional_in_the_night(temporal: TemporalServer, tmp_path: Path, user: str) -> None:
    """E1: a confirmation whose template says so is sent in the middle of the night.

    Killed by: leaving quiet_hours="ignore" out of Timing.rest.
    """
    async with night(temporal, tmp_path) as stage:
        await stage.knows(user, timezone=middle_of_the_night_now())
        await stage.happens(stage.event(user, "Order Completed", order_id="o", value=20, currency="EUR"))
        assert kinds(await stage.sent(user)) == ["email post_purchase/thanks"]


def middle_of_the_night_now() -> str:
    """A zone in which it is now the time that Berlin has in an hour or two."""
    berlin = datetime.now(ZoneInfo("Europe/Berlin")).utcoffset()
    assert berlin is not None
    hours = round((berlin + HOUR) / HOUR)
    return f"Etc/GMT{-hours:+d}"
