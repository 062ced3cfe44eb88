"""Whose turn it is: several actors on one event loop, each step drawn from a seed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database

MOST = 1_000


class Turns:
    """Lets exactly one actor move at a time; `commits` counts the transactions that have been committed."""

    def __init__(self, random: Random) -> None:
        self.commits = 0
        self._random = random
        self._parked: list[asyncio.Future[None]] = []
        self._moving = 0
        self._still = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def enter(self, actor: Coroutine[Any, Any, None]) -> None:
        """Let somebody take part."""
        self._move(1)
        task = asyncio.create_task(actor)
        task.add_done_callback(lambda _: self._move(-1))
        self._tasks.append(task)

    async def turn(self) -> None:
        """Stand still until it is the caller's turn."""
        drawn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parked.append(drawn)
        self._move(-1)
        await drawn

    async def play(self) -> None:
        """Draw turns until every actor has left; an actor's error is raised at once."""
        try:
            for _ in range(MOST):
                await asyncio.wait_for(self._still.wait(), 20)
                for task in self._tasks:
                    if task.done():
                        task.result()
                if not self._parked:
                    return
                self._move(1)
                self._parked.pop(self._random.randrange(len(self._parked))).set_result(None)
            raise AssertionError(f"not over after {MOST} turns")
        finally:
            for task in self._tasks:
                task.cancel()

    def _move(self, change: int) -> None:
        self._moving += change
        if self._moving:
            self._still.clear()
        else:
            self._still.set()


class TurnByTurn(Database):
    """The shipped database, where each writing transaction waits for its turn to begin."""

    turns: Turns | None = None
    """None while nothing is drawn, as when the tables are made."""

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        if self.turns is not None:
            await self.turns.turn()
        async with super().write() as connection:
            yield connection
        if self.turns is not None:
            self.turns.commits += 1
