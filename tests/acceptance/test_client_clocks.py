"""Events that come from another time: very old ones, and ones from the future. Each follows its declared rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from ingestion.incoming import Incoming
from ingestion.segment import Call, messages
from storage.facts import newest_first
from storage.runs import entries_of_person
from tests.stage import Stage, kinds

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("age", [2 * HOUR, 3 * DAY + HOUR / 2], ids=["two hours", "three days"])
async def test_old(stage: Stage, user: str, age: timedelta) -> None:
    """C3: a cart from a while ago that arrives only now has been quiet for long enough: its reminder goes out at once.

    Killed by: counting the quiet from the moment of receipt in Departures.start or in Guard.admit; counting the lateness
    from the cart, and not from when its reminder should have gone out.
    """
    await stage.knows(user)
    await stage.happens(as_sent(user, -age))
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]


@pytest.mark.parametrize("age", [4 * DAY, 400 * DAY], ids=["four days", "four hundred days"])
async def test_too_old(stage: Stage, user: str, age: timedelta) -> None:
    """C3: a cart that arrives more than three days after its reminder should have gone out starts nothing, which is counted;
    it is stored, and counts for the person.

    Killed by: leaving _is_late out of Router._start, or storing nothing of such an event.
    """
    await stage.knows(user)
    before = counted("late")
    await stage.happens(as_sent(user, -age))
    async with stage.database.read() as connection:
        assert [entry for entry in await entries_of_person(connection, user) if entry.place.key] == []
        found = [event.event_id async for event in newest_first(connection, user, ["Cart Updated"], since=0)]
    assert found == [f"{user}-cart"]
    assert counted("late") > before


async def test_a_long_quiet(stage: Stage, user: str) -> None:
    """C3: what is waited for after thirty days is late only after thirty-three.

    Killed by: leaving `quiet` out of Router._is_late.
    """
    for days, entered in ((34, []), (32, ["win_back"])):
        visit = stage.event(user, "Page Viewed", id=f"{user}-{days}", at=datetime.now(UTC) - days * DAY)
        await stage.happens(visit)
        async with stage.database.read() as connection:
            assert [entry.place.journey for entry in await entries_of_person(connection, user)] == entered


async def test_a_late_goal(stage: Stage, user: str) -> None:
    """C3: a purchase ends what it ends however late it is told: of two mistakes that is the smaller one.

    Killed by: leaving out what came late altogether, in Router.route.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="d", value=59, currency="EUR"))
    long_ago = datetime.now(UTC) - 10 * DAY
    await stage.happens(stage.event(user, "Order Completed", at=long_ago, cart_id="d", order_id="o", value=59))
    await stage.result("cart_abandonment", user, "d")
    assert await stage.sends(user, status="accepted") == []


async def test_late_for_our_own_reasons(stage: Stage, user: str) -> None:
    """C3, T4: an event that came in time and could not be routed for days still starts its journey.

    Killed by: comparing with the time of routing alone, in Router._is_late.
    """
    await stage.knows(user)
    then = datetime.now(UTC) - 5 * DAY
    waited = stage.event(user, "Cart Updated", at=then, cart_id="c", value=59, currency="EUR")
    await stage.happens(replace(waited, received_at=then + HOUR))
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]


async def test_old_and_anonymous(stage: Stage, user: str) -> None:
    """C3: what somebody did four days before they were recognised starts nothing; what they did yesterday does.

    Killed by: routing adopted events however old in Acceptor._merge, or none of them.
    """
    for days, cart in ((4, "old"), (1, "new")):
        before = stage.event(
            None, "Cart Updated", id=f"{user}-{cart}", at=datetime.now(UTC) - days * DAY, anonymous=f"{user}-a",
            cart_id=cart, value=59, currency="EUR",
        )  # fmt: skip
        await stage.take(before)
    await stage.happens(stage.event(user, "Identified", anonymous=f"{user}-a", traits={"email": "a@example.com"}))
    async with stage.database.read() as connection:
        keys = [entry.place.key for entry in await entries_of_person(connection, user) if entry.place.key]
    assert keys == ["new"]


@pytest.mark.parametrize("ahead", [3 * HOUR, 400 * DAY], ids=["three hours", "four hundred days"])
async def test_from_the_future(stage: Stage, user: str, ahead: timedelta) -> None:
    """C3: a cart that a client dates into the future happened when it was received, and its quiet lasts from then; such
    clocks are counted.

    Killed by: believing such a time in ingestion.segment, or not counting it there.
    """
    await stage.knows(user)
    before, known = datetime.now(UTC), counted("future")
    await stage.happens(as_sent(user, ahead))
    assert counted("future") == known + 1
    description = await stage.handle("cart_abandonment", user, "c").describe()
    assert description.execution_time is not None
    assert before + HOUR - timedelta(seconds=5) < description.execution_time < datetime.now(UTC) + HOUR
    await stage.wake("cart_abandonment", user, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]


def counted(rule: str) -> float:
    """How often this process has applied that rule to a client's clock."""
    return REGISTRY.get_sample_value("journeyman_clocks_total", {"rule": rule}) or 0


def as_sent(user: str, off: timedelta) -> Incoming:
    """A cart as the front door reads it from a client, dated so far from now."""
    now = datetime.now(UTC)
    track: dict[str, Any] = {
        "userId": user,
        "messageId": f"{user}-cart",
        "event": "Cart Updated",
        "timestamp": (now + off).isoformat(),
        "properties": {"cart_id": "c", "value": 59, "currency": "EUR"},
    }
    (message,) = messages(track, Call("track", now, "203.0.113.9", {}))
    assert isinstance(message, Incoming)
    return message
