"""Events that no journey cares about, at a set rate, while others are measured."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from benchmarks.latency import Stack

RATE = 500
BATCH = 20
"""As tracking clients collect them."""
PEOPLE = 2000


class Flood:
    """How many of them were answered with 200."""

    def __init__(self) -> None:
        self.accepted = 0

    async def run(self, stack: Stack) -> None:
        """Post until cancelled, whatever the answers take."""
        numbers, loop = itertools.count(), asyncio.get_running_loop()
        async with (
            httpx.AsyncClient(trust_env=False, auth=("bench", ""), timeout=30) as http,
            asyncio.TaskGroup() as group,
        ):
            due = loop.time()
            while True:
                batch = [_read(next(numbers)) for _ in range(BATCH)]
                group.create_task(self._post(http, f"{stack.front_door}/v1/batch", batch))
                due += BATCH / RATE
                await asyncio.sleep(max(due - loop.time(), 0))

    async def _post(self, http: httpx.AsyncClient, url: str, batch: list[dict[str, object]]) -> None:
        answer = await http.post(url, json={"batch": batch})
        answer.raise_for_status()
        self.accepted += len(batch)


@asynccontextmanager
async def flooded(stack: Stack) -> AsyncIterator[Flood]:
    """RATE irrelevant events a second for as long as the block lasts."""
    flood = Flood()
    running = asyncio.create_task(flood.run(stack))
    try:
        yield flood
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _read(number: int) -> dict[str, object]:
    return {
        "type": "track",
        "messageId": f"flood-{number}",
        "userId": f"reader-{number % PEOPLE}",
        "event": "Help Article Read",
        "properties": {"article": f"a-{number % 100}", "seconds": number % 60},
    }
