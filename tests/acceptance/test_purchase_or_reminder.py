"""Purchase against reminder: a bought cart is never reminded, another one still is."""

from __future__ import annotations

from datetime import timedelta

from tests.stage import Stage, kinds

HOUR = timedelta(hours=1)
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
    """A4: a purchase while the person is still undisturbed ends the run at once, before any message."""
    await stage.knows("u")
    await stage.happens(stage.event("u", "Cart Updated", cart_id="c", value="59.90", currency="EUR"))
    await stage.happens(stage.event("u", "Order Completed", id="bought", cart_id="c", order_id="o", value="59.90"))
    account = await stage.result("cart_abandonment", "u", "c")
    assert account["outcome"] == "ended by Order Completed (bought)"
    assert account["sent"] == []


async def test_another_cart(stage: Stage) -> None:
    """A5, A6: the purchase of cart 123 ends the run of "123" and of no other."""
    await stage.knows("u")
    for cart in (123, "c-2"):
        await stage.happens(stage.event("u", "Cart Updated", cart_id=cart, value=30, currency="EUR"))
    await stage.happens(stage.event("u", "Order Completed", id="bought", cart_id="123", order_id="o"))
    assert "bought" in (await stage.result("cart_abandonment", "u", "123"))["outcome"]
    assert await stage.is_open("cart_abandonment", "u", "c-2")


async def test_touched_again(stage: Stage) -> None:
    """A7: a cart that is touched again is reminded once, an hour after the last touch, with its latest content."""
    await stage.knows("u")
    first = stage.event("u", "Cart Updated", cart_id="c", value="30", currency="EUR")
    await stage.happens(first)
    again = stage.event(
        "u", "Cart Updated", cart_id="c", value="75", currency="EUR", at=first.occurred_at + timedelta(minutes=1)
    )
    await stage.happens(again)
    before = await stage.run_id("cart_abandonment", "u", "c")
    await stage.forward("cart_abandonment", "u", "c", by=HOUR)
    await stage.asleep_again("cart_abandonment", "u", "c", after=before)
    assert await stage.sends("u") == []
    await stage.wake("cart_abandonment", "u", "c")
    assert kinds(await stage.sent("u")) == ["email cart/still_here"]
    async with stage.database.read() as connection:
        from storage.ledger import kept

        (message,) = await kept(connection, user_id="u")
    assert "€75.00" in message.rendered["text"]
