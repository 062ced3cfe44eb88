"""Purchase against reminder: a bought cart is never reminded, another one still is."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from storage.ledger import kept
from storage.runs import entries_of_person
from tests.stage import Stage, kinds

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


async def test_two_reminders(stage: Stage, user: str) -> None:
    """An abandoned cart is reminded after an hour of quiet, and once more a day later."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value="59.90", currency="EUR"))
    await stage.forward("cart_abandonment", user, "c", by=HOUR)
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]
    await stage.forward("cart_abandonment", user, "c", by=DAY)
    assert (await stage.result("cart_abandonment", user, "c"))["outcome"] == "went to its end"
    assert kinds(await stage.sent(user, 2)) == ["email cart/still_here", "email cart/last_call"]


async def test_purchase_in_the_quiet(stage: Stage, user: str) -> None:
    """A4: a purchase while the person is still undisturbed ends the run at once, before any message.

    Killed by: leaving out Router._end for runs that have not begun.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value="59.90", currency="EUR"))
    await stage.happens(stage.event(user, "Order Completed", id="bought", cart_id="c", order_id="o", value="59.90"))
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == "ended by Order Completed (bought)"
    assert account["sent"] == []


@pytest.mark.parametrize("name", ["Cart Updated", "Product Added"])
@pytest.mark.parametrize("bought", ["c", None])
async def test_purchase_came_first(stage: Stage, user: str, name: str, bought: str | None) -> None:
    """A3: a cart event that happened before the purchase and arrives after it starts no journey.

    Killed by: dropping Router.overtaken_by (Cart Updated), and with it the look at closed_at and last_order_at in
    Consequences._fold (Product Added).
    """
    await stage.knows(user)
    named: dict[str, Any] = {"cart_id": bought} if bought else {}
    order = stage.event(user, "Order Completed", order_id="o", value=60, **named)
    await stage.happens(order)
    early = order.occurred_at - MINUTE
    if name == "Cart Updated":
        await stage.happens(stage.event(user, name, at=early, cart_id="c", value=60))
    else:
        await stage.happens(stage.event(user, name, at=early, product_id="p", price=60, **named))
    async with stage.database.read() as connection:
        entered = [entry.place.journey for entry in await entries_of_person(connection, user)]
    assert "cart_abandonment" not in entered


async def test_cart_after_the_purchase(stage: Stage, user: str) -> None:
    """A3: a cart that was filled after the purchase is a new one and is reminded, whichever arrives first.

    Killed by: comparing `seq` alone in Router.overtaken_by.
    """
    await stage.knows(user)
    order = stage.event(user, "Order Completed", order_id="o", cart_id="c", value=60)
    await stage.happens(order)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=60, at=order.occurred_at + MINUTE))
    await stage.wake("cart_abandonment", user, "c")
    assert kinds([line for line in await stage.sent(user, 2) if line.journey == "cart_abandonment"]) == [
        "email cart/still_here"
    ]


async def test_purchase_on_the_first_of_thirty_days(stage: Stage, user: str) -> None:
    """A4: a goal on day 1 of a 30-day wait closes the run within a second, and its timer never fires.

    Killed by: deciding on no Cancel in Router._end.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    await stage.forward("nap", user, by=DAY)
    began = time.monotonic()
    await stage.take(stage.event(user, "Order Completed", id="bought", order_id="o", value=10))
    account = await stage.result("nap", user)
    assert time.monotonic() - began < 1
    assert account["outcome"] == "ended by Order Completed (bought)"
    seen = [event.event_type for event in (await stage.handle("nap", user).fetch_history()).events]
    assert seen.count(EventType.EVENT_TYPE_TIMER_STARTED) == seen.count(EventType.EVENT_TYPE_TIMER_CANCELED) == 1
    assert EventType.EVENT_TYPE_TIMER_FIRED not in seen


async def test_another_cart(stage: Stage, user: str) -> None:
    """A5, A6: the purchase of cart 123 ends the run of "123" and of no other.

    Killed by: leaving the key out of Journey.is_goal.
    """
    await stage.knows(user)
    for cart in (123, "c-2"):
        await stage.happens(stage.event(user, "Cart Updated", cart_id=cart, value=30, currency="EUR"))
    await stage.happens(stage.event(user, "Order Completed", id="bought", cart_id="123", order_id="o"))
    assert "bought" in (await stage.result("cart_abandonment", user, "123"))["outcome"]
    assert await stage.is_open("cart_abandonment", user, "c-2")


async def test_number_buys_a_string(stage: Stage, user: str) -> None:
    """A6: the purchase of cart 123, a number, ends the begun run of "123", a string.

    Killed by: leaving numbers as they are in events.Key and in Acceptor._named.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="123", value=30, currency="EUR"))
    await stage.wake("cart_abandonment", user, "123")
    await stage.sent(user)
    await stage.happens(stage.event(user, "Order Completed", id="bought", cart_id=123, order_id="o"))
    assert (await stage.result("cart_abandonment", user, "123"))["outcome"] == "ended by Order Completed (bought)"


async def test_purchase_of_no_cart_in_particular(stage: Stage, user: str) -> None:
    """A5: a purchase without a cart id ends the runs of all the person's carts, begun or not, and nobody else's.

    Killed by: taking None out of the keys that Journey.is_goal accepts.
    """
    other = f"{user}-other"
    for each in (user, other):
        await stage.knows(each)
        for cart in ("c-1", "c-2"):
            await stage.happens(stage.event(each, "Cart Updated", cart_id=cart, value=30, currency="EUR"))
    await stage.wake("cart_abandonment", user, "c-1")
    await stage.sent(user)
    await stage.happens(stage.event(user, "Order Completed", id="bought", order_id="o"))
    for cart in ("c-1", "c-2"):
        assert "bought" in (await stage.result("cart_abandonment", user, cart))["outcome"]
        assert await stage.is_open("cart_abandonment", other, cart)


@pytest.mark.parametrize("touches", [1, 5])
async def test_touched_again(stage: Stage, user: str, touches: int) -> None:
    """A7: a cart that is touched again is reminded once, an hour after the last touch, with its latest content.

    Killed by: dropping Guard._newest_start, or sending the event of the input instead of the newest.
    """
    await stage.knows(user)
    first = stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR")
    await stage.happens(first)
    for touch in range(1, touches + 1):
        at = first.occurred_at + touch * MINUTE
        await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=74 + touch, currency="EUR", at=at))
    before = await stage.run_id("cart_abandonment", user, "c")
    await stage.forward("cart_abandonment", user, "c", by=HOUR)
    await stage.asleep_again("cart_abandonment", user, "c", after=before)
    assert await stage.sends(user) == []
    await stage.wake("cart_abandonment", user, "c")
    (line,) = await stage.sent(user)
    assert kinds([line]) == ["email cart/still_here"]
    assert line.at >= first.occurred_at + touches * MINUTE + HOUR
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert f"€{74 + touches}.00" in message.rendered["text"]


async def test_already_there(stage: Stage, user: str) -> None:
    """A8: what has happened since the journey began, before the wait for it starts, is taken at once, without a timer.

    Killed by: waiting only for what arrives after the wait has begun in Traveller.wait_for.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="listener"))
    await stage.happens(stage.event(user, "Video Playback Completed", id="seen", content_asset_id="v"))
    await stage.wake("listener", user)
    await stage.wake("listener", user)
    assert (await stage.result("listener", user))["outcome"] == "went to its end"
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "/seen-1-videos" in message.rendered["html"]
    history = await stage.handle("listener", user).fetch_history()
    started = [event for event in history.events if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    assert len(started) == 2, "the hour of sleep, and the day in which no second video came"
