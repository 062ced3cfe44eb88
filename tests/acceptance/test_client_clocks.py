"""Events that come from another time: very old ones, and ones from the future. Each follows its declared rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion.incoming import Incoming
from ingestion.segment import Call, messages
from storage.runs import entries_of_person
from tests.stage import Stage, kinds

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("age", [2 * HOUR, 400 * DAY], ids=["two hours", "four hundred days"])
async def test_old(stage: Stage, user: str, age: timedelta) -> None:
    """C3: a cart from long ago that arrives only now has been quiet for long enough: its reminder goes out at once.

    Killed by: counting the quiet from the moment of receipt in Departures.start or in Guard.admit.
    """
    await stage.knows(user)
    await stage.happens(as_sent(user, -age))
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
    """C3: a cart that a client dates into the future happened when it was received, and its quiet lasts from then.

    Killed by: believing such a time in ingestion.segment.
    """
    await stage.knows(user)
    before = datetime.now(UTC)
    await stage.happens(as_sent(user, ahead))
    description = await stage.handle("cart_abandonment", user, "c").describe()
    assert description.execution_time is not None
    assert before + HOUR - timedelta(seconds=5) < description.execution_time < datetime.now(UTC) + HOUR
    await stage.wake("cart_abandonment", user, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]


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
