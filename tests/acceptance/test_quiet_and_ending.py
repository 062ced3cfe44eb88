"""The quiet before a journey and the ways it ends: nothing is lost in between."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from tests.stage import Stage, kinds

MINUTE = timedelta(minutes=1)


async def test_where_is_asked_again(stage: Stage, user: str) -> None:
    """A cart that was emptied down to a trifle before the quiet is over is not reminded: `where` judges the newest event.

    Killed by: leaving the second look at `enters` out of Guard.admit.
    """
    await stage.knows(user)
    first = stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR")
    await stage.happens(first)
    await stage.happens(
        stage.event(user, "Cart Updated", cart_id="c", value=5, currency="EUR", at=first.occurred_at + MINUTE)
    )
    before = await stage.run_id("cart_abandonment", user, "c")
    await stage.wake("cart_abandonment", user, "c")
    await stage.asleep_again("cart_abandonment", user, "c", after=before)
    await stage.wake("cart_abandonment", user, "c")
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == "ended: the condition to enter no longer holds"
    assert await stage.sends(user) == []


async def test_goal_from_a_backend_while_running(stage: Stage, user: str) -> None:
    """A goal that a backend signals straight to a run which has begun ends it within a second.

    Killed by: not looking for goals in Host._notice.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.wake("cart_abandonment", user, "c")
    await stage.sent(user)
    began = time.monotonic()
    await stage.handle("cart_abandonment", user, "c").signal("event", bought(user, cart_id="c"))
    account = await stage.result("cart_abandonment", user, "c")
    assert time.monotonic() - began < 1
    assert account["outcome"] == f"ended by Order Completed ({user}-bought)"
    assert len(account["sent"]) == 1


async def test_goal_of_another_cart_from_a_backend(stage: Stage, user: str) -> None:
    """A goal that a backend signals for another cart ends nothing.

    Killed by: leaving the key out of Journey.is_goal.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.wake("cart_abandonment", user, "c")
    await stage.sent(user)
    await stage.handle("cart_abandonment", user, "c").signal("event", bought(user, cart_id="other"))
    await stage.wake("cart_abandonment", user, "c")
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == "went to its end"
    assert account["untaken"] == [f"{user}-bought"]


async def test_goal_from_a_backend_before_it_began(stage: Stage, user: str) -> None:
    """A goal that a backend signals to a run which has not begun ends it when it wakes, before any message.

    Killed by: not looking at waiting events at the head of Host.run.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.handle("cart_abandonment", user, "c").signal("event", bought(user))
    assert await stage.is_open("cart_abandonment", user, "c")
    await stage.wake("cart_abandonment", user, "c")
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == f"ended by Order Completed ({user}-bought)"
    assert await stage.sends(user) == []


async def test_signal_that_is_no_event(stage: Stage, user: str) -> None:
    """A signal that cannot be read as an event is told in the account and harms nothing.

    Killed by: validating in Inbox.put without catching, or raising in Host.event.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    for nonsense in ("text", 7, None, [{"type": "Order Completed"}], {"type": "Cart Updated", "event_id": "x"}):
        await stage.handle("nap", user).signal("event", nonsense)
    await stage.wake("nap", user)
    account = await stage.result("nap", user)
    assert account["outcome"] == "went to its end"
    assert sum("could not be read as an event" in line for line in account["story"]) == 5
    assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]


def bought(user: str, **facts: str) -> dict[str, str]:
    """A purchase as a backend with a Temporal client writes it."""
    moment = datetime.now(UTC).isoformat()
    return {"type": "Order Completed", "event_id": f"{user}-bought", "occurred_at": moment, **facts}
