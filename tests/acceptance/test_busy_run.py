"""What happens while a run is at work: it is not lost, and the run takes it up when it comes to wait for it."""

from __future__ import annotations

import asyncio

from temporalio.api.enums.v1 import EventType

from tests.doubles.sendgrid import Call, SendGridDouble, delay
from tests.stage import Stage


async def test_touched_during_the_send(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """C7: a cart that changes while its reminder is with the provider wakes the journey when it comes to wait for that: the
    last call names the cart as it is, a day after the wait for it was over.

    Killed by: not noting in the claim's transaction that the journey has begun, or waiting only for what comes later.
    """
    await mailing.knows(user)
    await mailing.happens(mailing.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    double.script(delay(1))
    waking = asyncio.create_task(mailing.wake("cart_abandonment", user, "c"))
    async with asyncio.timeout(20):
        await double.arrived(1)
    await mailing.happens(mailing.event(user, "Cart Updated", cart_id="c", value=77, currency="EUR"))
    assert double.accepted.total() == 1
    assert [line.status for line in await mailing.sends(user)] == ["claimed"], "the run was at work all the time"
    await waking

    await mailing.sent(user)
    await mailing.wake("cart_abandonment", user, "c")
    account = await mailing.result("cart_abandonment", user, "c")
    assert sum("Cart Updated came" in line for line in account["story"]) == 1
    first, last = (text(call) for call in double.calls)
    assert "59.00" in first
    assert "77.00" in last
    seen = [event.event_type for event in (await mailing.handle("cart_abandonment", user, "c").fetch_history()).events]
    assert seen.count(EventType.EVENT_TYPE_TIMER_STARTED) == 1, "nothing had to be waited for but the last day"


def text(call: Call) -> str:
    """The plain part of a message as it was handed over."""
    assert call.body is not None
    return str(call.body["content"][0]["value"])
