"""Purchase against reminder: a bought cart is never reminded, another one still is."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from storage.ledger import kept
from storage.runs import entries_of_person
from tests.stage import Stage, kinds

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


async def test_two_reminders(stage: Stage) -> None:
    """An abandoned cart is reminded after an hour of quiet, and once more a day later."""
    await stage.knows("u")
    await stage.happens(stage.event("u", "Cart Updated", cart_id="c", value="59.90", currency="EUR"))
    await stage.forward("cart_abandonment", "u", "c", by=HOUR)
    assert kinds(await stage.sent("u")) == ["email cart/still_here"]
    await stage.forward("cart_abandonment", "u", "c", by=DAY)
    assert (await stage.result("cart_abandonment", "u", "c"))["outcome"] == "went to its end"
    assert kinds(await stage.sent("u", 2)) == ["email cart/still_here", "email cart/last_call"]


async def test_purchase_in_the_quiet(stage: Stage) -> None:
    """A4: a purchase while the person is still undisturbed ends the run at once, before any message.

    Killed by: leaving out Router._end for runs that have not begun.
    """
    await stage.knows("u")
    await stage.happens(stage.event("u", "Cart Updated", cart_id="c", value="59.90", currency="EUR"))
    await stage.happens(stage.event("u", "Order Completed", id="bought", cart_id="c", order_id="o", value="59.90"))
    account = await stage.result("cart_abandonment", "u", "c")
    assert account["outcome"] == "ended by Order Completed (bought)"
    assert account["sent"] == []


@pytest.mark.parametrize("name", ["Cart Updated", "Product Added"])
@pytest.mark.parametrize("bought", ["c", None])
async def test_purchase_came_first(stage: Stage, name: str, bought: str | None) -> None:
    """A3: a cart event that happened before the purchase and arrives after it starts no journey.

    Killed by: dropping Router.overtaken_by (Cart Updated), or the look at closed_at and last_order_at in
    Consequences._fold (Product Added).
    """
    await stage.knows("u")
    order = stage.event("u", "Order Completed", order_id="o", value=60, **({"cart_id": bought} if bought else {}))
    await stage.happens(order)
    facts = {"cart_id": "c", "value": 60} if name == "Cart Updated" else {"product_id": "p", "price": 60}
    cart = {"cart_id": bought} if bought and name == "Product Added" else {}
    await stage.happens(stage.event("u", name, at=order.occurred_at - MINUTE, **facts, **cart))
    async with stage.database.read() as connection:
        entered = [entry.place.journey for entry in await entries_of_person(connection, "u")]
    assert "cart_abandonment" not in entered


async def test_cart_after_the_purchase(stage: Stage) -> None:
    """A3: a cart that was filled after the purchase is a new one and is reminded, whichever arrives first.

    Killed by: comparing `seq` alone in Router.overtaken_by.
    """
    await stage.knows("u")
    order = stage.event("u", "Order Completed", order_id="o", cart_id="c", value=60)
    await stage.happens(order)
    await stage.happens(stage.event("u", "Cart Updated", cart_id="c", value=60, at=order.occurred_at + MINUTE))
    await stage.wake("cart_abandonment", "u", "c")
    assert kinds([line for line in await stage.sent("u", 2) if line.journey == "cart_abandonment"]) == [
        "email cart/still_here"
    ]


async def test_purchase_on_the_first_of_thirty_days(stage: Stage) -> None:
    """A4: a goal on day 1 of a 30-day wait closes the run within a second, and its timer never fires.

    Killed by: leaving out `_walking` in Host._end and the cancel in Router._end.
    """
    await stage.knows("u")
    await stage.happens(stage.event("u", "File Downloaded", file_name="nap"))
    await stage.forward("nap", "u", by=DAY)
    began = time.monotonic()
    await stage.take(stage.event("u", "Order Completed", id="bought", order_id="o", value=10))
    account = await stage.result("nap", "u")
    assert time.monotonic() - began < 1
    assert account["outcome"] == "ended by Order Completed (bought)"
    seen = [event.event_type for event in (await stage.handle("nap", "u").fetch_history()).events]
    assert seen.count(EventType.EVENT_TYPE_TIMER_STARTED) == seen.count(EventType.EVENT_TYPE_TIMER_CANCELED) == 1
    assert EventType.EVENT_TYPE_TIMER_FIRED not in seen


async def test_another_cart(stage: Stage) -> None:
    """A5, A6: the purchase of cart 123 ends the run of "123" and of no other.

    Killed by: leaving the key out of Journey.is_goal, or comparing it without making it a string in events.Key.
    """
    await stage.knows("u")
    for cart in (123, "c-2"):
        await stage.happens(stage.event("u", "Cart Updated", cart_id=cart, value=30, currency="EUR"))
    await stage.happens(stage.event("u", "Order Completed", id="bought", cart_id="123", order_id="o"))
    assert "bought" in (await stage.result("cart_abandonment", "u", "123"))["outcome"]
    assert await stage.is_open("cart_abandonment", "u", "c-2")


async def test_number_buys_a_string(stage: Stage) -> None:
    """A6: the purchase of cart 123, a number, ends the begun run of "123", a string.

    Killed by: comparing keys without making them strings in events.Key and Acceptor._named.
    """
    await stage.knows("u")
    await stage.happens(stage.event("u", "Cart Updated", cart_id="123", value=30, currency="EUR"))
    await stage.wake("cart_abandonment", "u", "123")
    await stage.sent("u")
    await stage.happens(stage.event("u", "Order Completed", id="bought", cart_id=123, order_id="o"))
    assert (await stage.result("cart_abandonment", "u", "123"))["outcome"] == "ended by Order Completed (bought)"


async def test_purchase_of_no_cart_in_particular(stage: Stage) -> None:
    """A5: a purchase without a cart id ends the runs of all the person's carts, begun or not, and nobody else's.

    Killed by: taking None out of the keys that Journey.is_goal accepts.
    """
    for user in ("u", "other"):
        await stage.knows(user)
        for cart in ("c-1", "c-2"):
            await stage.happens(stage.event(user, "Cart Updated", cart_id=cart, value=30, currency="EUR"))
    await stage.wake("cart_abandonment", "u", "c-1")
    await stage.sent("u")
    await stage.happens(stage.event("u", "Order Completed", id="bought", order_id="o"))
    for cart in ("c-1", "c-2"):
        assert "bought" in (await stage.result("cart_abandonment", "u", cart))["outcome"]
        assert await stage.is_open("cart_abandonment", "other", cart)


@pytest.mark.parametrize("touches", [1, 5])
async def test_touched_again(stage: Stage, touches: int) -> None:
    """A7: a cart that is touched again is reminded once, an hour after the last touch, with its latest content.

    Killed by: dropping Guard._newest_touch, or sending the event of the input instead of the newest.
    """
    await stage.knows("u")
    first = stage.event("u", "Cart Updated", cart_id="c", value="30", currency="EUR")
    await stage.happens(first)
    for touch in range(1, touches + 1):
        at = first.occurred_at + touch * MINUTE
        await stage.happens(stage.event("u", "Cart Updated", cart_id="c", value=74 + touch, currency="EUR", at=at))
    before = await stage.run_id("cart_abandonment", "u", "c")
    await stage.forward("cart_abandonment", "u", "c", by=HOUR)
    await stage.asleep_again("cart_abandonment", "u", "c", after=before)
    assert await stage.sends("u") == []
    await stage.wake("cart_abandonment", "u", "c")
    (line,) = await stage.sent("u")
    assert kinds([line]) == ["email cart/still_here"]
    assert line.at >= first.occurred_at + touches * MINUTE + HOUR
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id="u")
    assert f"€{74 + touches}.00" in message.rendered["text"]


async def test_already_there(stage: Stage) -> None:
    """A8: what has happened since the journey began, before the wait for it starts, is taken at once, without a timer.

    Killed by: not taking from the inbox before the wait in Traveller.wait_for.
    """
    await stage.knows("u")
    await stage.happens(stage.event("u", "File Downloaded", file_name="listener"))
    await stage.happens(stage.event("u", "Video Playback Completed", id="seen", content_asset_id="v"))
    await stage.wake("listener", "u")
    await stage.wake("listener", "u")
    assert (await stage.result("listener", "u"))["outcome"] == "went to its end"
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id="u")
    assert "/seen-1-videos" in message.rendered["text"]
    history = await stage.handle("listener", "u").fetch_history()
    started = [event for event in history.events if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    assert len(started) == 2, "the hour of sleep, and the day in which no second video came"
