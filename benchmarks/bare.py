"""The yardstick: a bare workflow, started and measured as ours are."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.minimal import AfterATimer, AtOnce
from tests.servers import wait_until

QUEUE = "bare"
called: dict[str, float] = {}
"""When each run's activity began: run's name to time.monotonic()."""


@activity.defn
async def nothing(name: str) -> None:
    """Notes when it was called."""
    called[name] = time.monotonic()


def worker(client: Client) -> Worker:
    """A worker as the samples make it."""
    return Worker(client, task_queue=QUEUE, workflows=[AtOnce, AfterATimer], activities=[nothing])


async def whole(client: Client, count: int, at_once: int) -> float:
    """Seconds that `count` runs with a timer take from the first start to the last end."""
    slots = asyncio.Semaphore(at_once)
    began = time.monotonic()

    async def one() -> None:
        async with slots:
            handle = await client.start_workflow(AfterATimer.run, _name(), id=_name(), task_queue=QUEUE)
        await handle.result()

    await asyncio.gather(*(one() for _ in range(count)))
    return time.monotonic() - began


async def latencies(client: Client, rate: float, seconds: float) -> list[float]:
    """Seconds from each start call to its activity's first line, starts coming at that rate whatever happens."""
    began: dict[str, float] = {}

    async def one(name: str) -> None:
        began[name] = time.monotonic()
        await client.start_workflow(AtOnce.run, name, id=name, task_queue=QUEUE)

    await paced([one(_name()) for _ in range(round(rate * seconds))], rate)
    await until(lambda: all(name in called for name in began), 30)
    return [called.get(name, time.monotonic()) - start for name, start in began.items()]


async def paced(calls: list[object], rate: float) -> None:
    """Begin one call every 1/rate seconds, without waiting for those before it; returns when all have ended."""
    loop = asyncio.get_running_loop()
    began, tasks = loop.time(), []
    for place, call in enumerate(calls):
        await asyncio.sleep(max(began + place / rate - loop.time(), 0))
        tasks.append(asyncio.ensure_future(call))  # type: ignore[call-overload]
    await asyncio.gather(*tasks)


async def until(condition: Callable[[], object], seconds: float) -> None:
    """Look every 50 ms whether it is so, for at most that long; what has not come by then shows in the figures."""
    with suppress(AssertionError):
        await wait_until(condition, seconds)


def _name() -> str:
    return f"bare-{uuid.uuid4()}"
