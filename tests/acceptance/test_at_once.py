"""How an event becomes a call to the provider: each step wakes the next one, and nothing waits for its next look."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from ingestion import relay
from tests.doubles.sendgrid import SendGridDouble
from tests.stage import Stage

WAY = [
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
]
"""The history of a run up to its first message: no timer, no second task, no activity before it."""


async def test_nothing_is_waited_for(
    mailing: Stage, user: str, double: SendGridDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1: from the event to the provider's call nothing sleeps: with a relay that looks by itself only once an hour the
    email goes out, and its run has no timer and no other activity before it. How long that takes is for the benchmarks.

    Killed by: not calling `committed` in Acceptor.commit, leaving `_wake.set` out of Relay.wake, or having the quiet judged in
    an activity of its own before each message.
    """
    monkeypatch.setattr(relay, "POLL", timedelta(hours=1))
    await mailing.knows(user)
    async with asyncio.timeout(20):
        await mailing.take(mailing.event(user, "Signed Up"))
        await mailing.sent(user)
    assert [double.messages[each.send_key].address for each in await mailing.sends(user)] == [f"{user}@example.com"]
    history = await mailing.handle("onboarding", user).fetch_history()
    assert [event.event_type for event in history.events[: len(WAY)]] == WAY
    asked = history.events[len(WAY) - 1].activity_task_scheduled_event_attributes
    assert asked.activity_type.name == "send"
