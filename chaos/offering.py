"""How many things are tried at once, each again when it asks for that, as Temporal retries an activity."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
WAITING = 16
"""How many begun items there may be for each one that is being tried."""


class Again(Exception):
    """Try it once more after so many seconds."""

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after


async def offer(
    items: Iterable[T],
    once: Callable[[T], Awaitable[None]],
    *,
    at_once: int,
    over: Callable[[], bool] = lambda: False,
    done: Callable[[int], None] = lambda count: None,
) -> int:
    """Try each item until it does not raise Again; begins none once it is `over`. Returns how many were begun."""
    slots, room, begun, finished = asyncio.Semaphore(at_once), asyncio.Semaphore(at_once * WAITING), 0, 0

    async def whole(item: T) -> None:
        nonlocal finished
        after = await tried(item)
        while after is not None:
            await asyncio.sleep(after)
            after = await tried(item)
        room.release()
        finished += 1
        done(finished)

    async def tried(item: T) -> float | None:
        async with slots:
            try:
                await once(item)
            except Again as again:
                return again.after
        return None

    async with asyncio.TaskGroup() as group:
        for item in items:
            if over():
                break
            await room.acquire()
            begun += 1
            group.create_task(whole(item))
    return begun
