"""What people cost who are in a journey and asleep: CPU of all processes while nothing happens."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psutil
from rich.progress import Progress
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from benchmarks.figures import Cpu
from benchmarks.latency import Stack
from workflows.input import JourneyInput

SECONDS = 60.0
SETTLING = 30.0
AT_ONCE = 64
USER_ID = SearchAttributeKey.for_keyword("UserId")


@dataclass(frozen=True)
class Idle:
    """With so many asleep: CPU of our process and of the server as a share of one core, and what the server holds in memory."""

    asleep: int
    ours: float
    server: float
    server_mib: float


async def idle(stack: Stack, asleep: int) -> Idle:
    """After a while for the server to write what it has to, the CPU of SECONDS in which nobody does anything."""
    ours = psutil.Process(stack.pid)
    (server,) = ours.children()
    await asyncio.sleep(SETTLING)
    cpu = Cpu({"ours": ours.pid, "server": server.pid})
    await asyncio.sleep(SECONDS)
    used = cpu.used()
    return Idle(asleep, used["ours"] / SECONDS, used["server"] / SECONDS, server.memory_info().rss / 2**20)


async def put_to_sleep(stack: Stack, numbers: range) -> None:
    """Start these people's carts as the relay does, with thirty days of quiet before them."""
    client = await Client.connect(stack.temporal)
    waiting = iter(numbers)
    with Progress(transient=True) as progress:
        task = progress.add_task(f"putting {len(numbers):,} people to sleep", total=len(numbers))

        async def some() -> None:
            for number in waiting:
                await _asleep(client, number)
                progress.advance(task)

        await asyncio.gather(*itertools.starmap(some, [()] * AT_ONCE))


async def _asleep(client: Client, number: int) -> None:
    user, now = f"sleeper-{number}", datetime.now(UTC)
    cart = {
        "type": "Cart Updated",
        "event_id": f"{user}-1",
        "occurred_at": now.isoformat(),
        "cart_id": "c",
        "value": "59.90",
        "currency": "EUR",
    }
    await client.start_workflow(
        "cart_abandonment",
        JourneyInput(user=user, key="c", entry=f"{user}-1", event=cart).written(),
        id=f"cart_abandonment/{user}/c",
        task_queue="journeys",
        start_delay=timedelta(days=30),
        search_attributes=TypedSearchAttributes([SearchAttributePair(USER_ID, user)]),
        memo={"entry": f"{user}-1"},
    )
