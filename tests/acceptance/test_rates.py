"""A channel's rate is kept however much is due at once, can be changed while it runs, and lets the urgent go first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio

from stack import TemporalServer, temporal_binary
from tests.doubles.sendgrid import SendGridDouble
from tests.mailing import sendgrid_at
from tests.stage import Stage, kinds, staged

Mailing = Callable[[str], AbstractAsyncContextManager[Stage]]


@pytest_asyncio.fixture
async def double() -> AsyncIterator[SendGridDouble]:
    """A SendGrid that takes everything."""
    async with SendGridDouble() as double:
        yield double


@pytest_asyncio.fixture
async def mailing(temporal: TemporalServer, tmp_path: Path, double: SendGridDouble) -> Mailing:
    """Sets up the whole system with email going out by SendGrid, at the rates it is given."""

    @asynccontextmanager
    async def mailing(rates: str) -> AsyncIterator[Stage]:
        """With no rates any more, whatever was queued before is to go."""
        channel = sendgrid_at(double.url)
        url = f"sqlite:///{tmp_path / 'journeyman.db'}"
        async with staged(
            url, temporal.address, tmp_path, providers={"email": channel}, rates=rates, draining=not rates
        ) as stage:
            yield stage
        await channel.close()

    return mailing


async def test_the_rate_is_kept(mailing: Mailing, double: SendGridDouble, user: str) -> None:
    """E3: of 30 messages that are due at once, never more than twice the rate of 5 a second reach the provider.

    Killed by: leaving max_task_queue_activities_per_second out of the worker, or the task queue out of Errands.send.
    """
    async with mailing("email=5") as stage:
        await flyers(stage, [f"{user}-{number}" for number in range(30)])
        async with asyncio.timeout(60):
            await double.arrived(30)
    arrivals = sorted(call.monotonic for call in double.calls)
    for first in arrivals:
        assert sum(first <= other < first + 2 for other in arrivals) <= 20
    assert arrivals[-1] - arrivals[0] > 3
    assert set(double.accepted.values()) == {1}


async def test_the_rate_is_changed(
    mailing: Mailing, double: SendGridDouble, temporal: TemporalServer, user: str
) -> None:
    """E3: an operator changes the rate of a queue while it runs: what would have taken a minute is through in seconds."""
    async with mailing("email=0.5") as stage:
        await flyers(stage, [f"{user}-{number}" for number in range(30)])
        async with asyncio.timeout(20):
            await double.arrived(2)
        assert len(double.calls) < 20
        queue = f"{stage.settings.task_queue}-email"
        words = f"task-queue config set --task-queue {queue} --task-queue-type activity --queue-rps-limit 500"
        await typed(
            *words.split(), "--queue-rps-limit-reason", "the provider has raised it", "--address", temporal.address
        )
        async with asyncio.timeout(25):
            await double.arrived(30)


async def test_the_rate_is_taken_away(mailing: Mailing, double: SendGridDouble, user: str) -> None:
    """E3: what waits in the queue of a channel that has no rate any more still goes, each message once.

    Killed by: leaving out the workers of channels without a rate in worker_of.
    """
    async with mailing("email=1") as stage:
        await flyers(stage, [f"{user}-{number}" for number in range(12)])
    assert len(double.calls) < 12
    async with mailing(""):
        async with asyncio.timeout(40):
            await double.arrived(12)
    assert set(double.accepted.values()) == {1}


async def test_the_urgent_go_first(mailing: Mailing, double: SendGridDouble, user: str) -> None:
    """E3: the thanks for an order, which is transactional, overtakes the advertisements that were due before it.

    Killed by: leaving the priority out of Errands.send, or one for all kinds in Queues.priority.
    """
    async with mailing("email=2") as stage:
        await flyers(stage, [f"{user}-{number}" for number in range(24)])
        await stage.knows(user)
        async with asyncio.timeout(20):
            await double.arrived(1)
        before = len(double.calls)
        await stage.happens(stage.event(user, "Order Completed", order_id="o", value="59.90", currency="EUR"))
        (sent,) = await stage.sent(user)
        place = [call.send_key for call in double.calls].index(sent.send_key)
    assert kinds([sent]) == ["email post_purchase/thanks"]
    assert place < before + 10, f"it was number {place + 1}; {before} of 24 were out when it was ordered"


async def test_the_queue_of_the_choice(mailing: Mailing, user: str) -> None:
    """Of a choice the last channel with a rate is asked first; where another one with a rate is chosen, that one's queue.

    Killed by: not asking again after `elsewhere` in Errands.send, or asking for another occurrence.
    """
    async with mailing("email=50, push=50") as stage:
        with_phone = f"{user}-phone"
        for each, context in ((user, {}), (with_phone, {"device": {"token": "t" * 40}})):
            await stage.knows(each)
            await stage.happens(
                stage.event(each, "Cart Updated", cart_id="c", value=59, currency="EUR", context=context)
            )
            await stage.wake("cart_abandonment", each, "c")
        assert kinds(await stage.sent(user)) == ["email cart/still_here"]
        assert kinds(await stage.sent(with_phone)) == ["push cart/still_here"]
        base = stage.settings.task_queue
        assert await queues(stage, user) == [f"{base}-email"]
        assert await queues(stage, with_phone) == [f"{base}-email", f"{base}-push"]


async def test_without_a_rate(mailing: Mailing, user: str) -> None:
    """A channel without a rate has no queue of its own: its messages go through that of the journeys."""
    async with mailing("push=50") as stage:
        await flyers(stage, [user])
        await stage.sent(user)
        assert await queues(stage, user, "flyer", "") == [stage.settings.task_queue]


async def flyers(stage: Stage, people: list[str]) -> None:
    """Let everybody be advertised to at once."""
    identified: list[Any] = [
        stage.event(each, "Identified", traits={"email": f"{each}@example.com"}) for each in people
    ]
    await stage.happens(*identified)
    await stage.happens(*(stage.event(each, "File Downloaded", file_name="flyer") for each in people))


async def queues(stage: Stage, user: str, journey: str = "cart_abandonment", key: str = "c") -> list[str]:
    """The task queue of each activity of the run, in order."""
    history = await stage.handle(journey, user, key).fetch_history()
    asked = (event.activity_task_scheduled_event_attributes for event in history.events)
    return [each.task_queue.name for each in asked if each.activity_id]


async def typed(*words: str) -> None:
    """Run the command line of Temporal."""
    process = await asyncio.create_subprocess_exec(
        temporal_binary(),
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, out.decode()
