"""What becomes of each call of a double, and which calls have come."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from typing import Generic, TypeVar

Behaviour = TypeVar("Behaviour")
Call = TypeVar("Call")


class Script(Generic[Behaviour, Call]):
    """Each call takes the next scripted behaviour, else one drawn by `mix`, else `otherwise`."""

    def __init__(self, otherwise: Behaviour) -> None:
        self.otherwise = otherwise
        self.calls: list[Call] = []
        self._script: deque[Behaviour] = deque()
        self._mix: list[tuple[Behaviour, float]] = []
        self._random = random.Random(0)
        self._arrival = asyncio.Condition()

    def script(self, *behaviours: Behaviour) -> None:
        """What becomes of the next calls, one each."""
        self._script.extend(behaviours)

    def mix(self, shares: Mapping[Behaviour, float], *, seed: int = 0) -> None:
        """Draw a behaviour for each further call; shares are probabilities, and the rest goes to `otherwise`."""
        self._mix, self._random = list(shares.items()), random.Random(seed)

    async def arrived(self, calls: int) -> None:
        """Wait until so many calls are in `calls`."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.calls) >= calls)

    def next_behaviour(self) -> Behaviour:
        """What becomes of the call that has just come."""
        if self._script:
            return self._script.popleft()
        drawn = self._random.random() if self._mix else 0.0
        for behaviour, share in self._mix:
            if drawn < share:
                return behaviour
            drawn -= share
        return self.otherwise

    async def take(self, call: Call) -> None:
        """Put it into `calls`, for whoever waits for it."""
        self.calls.append(call)
        async with self._arrival:
            self._arrival.notify_all()
