"""Purchase while a reminder is with the provider: its outcome is kept, and nothing follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType

from activities.channels.sendgrid import SendGrid
from stack import TemporalServer
from tests.doubles.sendgrid import HANG, REFUSE, Behaviour, SendGridDouble, delay
from tests.stage import Stage, staged


@pytest_asyncio.fixture
async def double() -> AsyncIterator[SendGridDouble]:
    """A SendGrid that answers as told."""
    async with SendGridDouble() as double:
        yield double


@pytest_asyncio.fixture
async def mailing(temporal: TemporalServer, tmp_path: Path, double: SendGridDouble) -> AsyncIterator[Stage]:
    """The whole system, with email going out by SendGrid; a call that has no answer within two seconds is in doubt."""
    channel = SendGrid(
        double.api_key, sender=("hello@example.com", "Shop"), reply_to=None, host=double.url, call_timeout=2
    )
    url = f"sqlite+aiosqlite:///{tmp_path / 'journeyman.db'}"
    async with staged(url, temporal.address, tmp_path, providers={"email": channel}) as stage:
        yield stage
        await channel.close()


@pytest.mark.parametrize(
    ("behaviour", "accepted", "outcome"),
    [(delay(1), 1, "accepted"), (delay(1, REFUSE), 0, "refused"), (HANG, 0, "unknown")],
    ids=["accepted", "refused", "no answer"],
)
async def test_bought_during_the_send(
    mailing: Stage, double: SendGridDouble, user: str, behaviour: Behaviour, accepted: int, outcome: str
) -> None:
    """A2: a purchase while the mail is with the provider ends the run with that one mail, and its outcome in the account.

    Killed by: not awaiting the handle in Errands._record_late after a cancel.
    """
    await mailing.knows(user)
    await mailing.happens(mailing.event(user, "Cart Updated", cart_id="c", value="59.90", currency="EUR"))
    double.script(behaviour)
    waking = asyncio.create_task(mailing.wake("cart_abandonment", user, "c"))
    async with asyncio.timeout(20):
        await double.arrived(1)
    await mailing.happens(mailing.event(user, "Order Completed", id="bought", cart_id="c", order_id="o"))
    assert await mailing.is_open("cart_abandonment", user, "c"), "the send's outcome is waited for"
    await waking

    account = await mailing.result("cart_abandonment", user, "c")
    assert account["outcome"] == "ended by Order Completed (bought)"
    told = account["sent"] if outcome == "accepted" else account["unsent"]
    assert len(account["sent"] + account["unsent"]) == 1
    assert "email cart/still_here" in told[0]
    assert outcome == "accepted" or f": {outcome}, " in told[0]
    assert sum(double.accepted.values()) == accepted
    assert len(double.calls) == 1
    assert [line.status for line in await mailing.sends(user)] == [outcome]
    seen = [event.event_type for event in (await mailing.handle("cart_abandonment", user, "c").fetch_history()).events]
    assert EventType.EVENT_TYPE_TIMER_STARTED not in seen, "the day of waiting for the second mail never began"
    assert seen[-1] == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
