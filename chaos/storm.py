"""What is taken away from the running stack, at random moments, again and again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from .databases import Place
from .play import Play
from .shop import Shop

WORKER = (1.0, 3.0)
DATABASE = (5.0, 40.0)
SOON = (2.0, 6.0)
"""Seconds before the first of those that come seldom, so that a short run has one too."""
AWAY = (0.5, 3.0)


class Storm:
    """Kills workers, the front door and Temporal with -9, and restarts PostgreSQL, half of the times as after a crash."""

    def __init__(self, play: Play, town: Shop, place: Place) -> None:
        self._play = play
        self._town = town
        self._place = place
        self.restarts = 0

    def faults(self) -> dict[str, int]:
        """What really happened so far."""
        found = {
            "workers_killed": sum(worker.kills for worker in self._town.workers),
            "front_door_killed": self._town.door.kills,
            "temporal_killed": self._town.temporal_kills,
        }
        return found if self._place.server is None else found | {"postgresql_restarted": self.restarts}

    @asynccontextmanager
    async def raging(self) -> AsyncIterator[None]:
        """Workers, front door and database go again and again while the block lasts."""
        ending = asyncio.Event()

        async def again(what: str, between: tuple[float, float], first: tuple[float, float], act: Act) -> None:
            chances = self._play.chances(what)
            wait = first
            while not await _passed(ending, chances.uniform(*wait)):
                await act(chances)
                wait = between

        async with asyncio.TaskGroup() as group:
            group.create_task(again("workers", WORKER, WORKER, self._kill_worker))
            # On SQLite the front door is what holds the database beside the workers.
            group.create_task(again("front door", DATABASE, SOON, self._kill_door))
            if self._place.server is not None:
                group.create_task(again("database", DATABASE, SOON, self._restart_database))
            try:
                yield
            finally:
                ending.set()

    async def kill_temporal(self) -> None:
        """The server goes, and comes back on its file a moment later."""
        await self._town.kill_temporal(self._play.chances(f"temporal {self._town.temporal_kills}").uniform(*AWAY))

    async def _kill_worker(self, chances: random.Random) -> None:
        # One that is still starting would prove nothing; on a busy machine that takes longer than the time between kills.
        if ready := [worker for worker in self._town.workers if worker.is_ready]:
            chances.choice(ready).kill()

    async def _kill_door(self, chances: random.Random) -> None:
        if self._town.door.is_ready:
            self._town.door.kill()

    async def _restart_database(self, chances: random.Random) -> None:
        assert self._place.server is not None
        await self._place.server.restart(crash=chances.random() < 0.5)
        self.restarts += 1


Act = Callable[[random.Random], Awaitable[None]]


async def _passed(ending: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until it ends; whether it has ended."""
    try:
        await asyncio.wait_for(ending.wait(), seconds)
    except TimeoutError:
        return False
    return True
