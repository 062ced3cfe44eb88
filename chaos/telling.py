"""When the provider says what became of its messages: in signed batches, while sending goes on, and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from tests.doubles.sendgrid import SendGridDouble

BATCH = 50
PAUSE = 0.5
WORDS = ("processed", "delivered")


class Telling:
    """Tells of every message that the double has accepted, but for those that `is_silent` keeps back."""

    def __init__(self, double: SendGridDouble, is_silent: Callable[[str], bool] = lambda key: False) -> None:
        self.is_silent = is_silent
        self._double = double
        self._told: set[str] = set()
        self._looked = 0
        self._kept_back: list[str] = []
        self._one = asyncio.Lock()

    async def catch_up(self) -> None:
        """Tell all that there is to tell; returns when the front door has taken it, also what was under way before."""
        async with self._one:
            await self._tell()

    async def _tell(self) -> None:
        calls, self._looked = self._double.calls[self._looked :], len(self._double.calls)
        heard = [*self._kept_back, *(call.send_key for call in calls if call.behaviour.accepts)]
        self._kept_back = [key for key in heard if self.is_silent(key)]
        fresh = [key for key in dict.fromkeys(heard) if not self.is_silent(key) and key not in self._told]
        self._told.update(fresh)
        for place in range(0, len(fresh), BATCH):
            await self._double.tell(fresh[place : place + BATCH], *WORDS)

    async def all(self) -> None:
        """Be silent about nothing any more, and tell the rest."""
        self.is_silent = lambda key: False
        await self.catch_up()

    @asynccontextmanager
    async def meanwhile(self) -> AsyncIterator[None]:
        """Catch up again and again while the block lasts."""
        ending = asyncio.Event()
        task = asyncio.create_task(self._go_on(ending))
        try:
            yield
            ending.set()
        except BaseException:
            task.cancel()
            raise
        finally:
            with suppress(asyncio.CancelledError):
                await task

    async def _go_on(self, ending: asyncio.Event) -> None:
        while not ending.is_set():
            await asyncio.sleep(PAUSE)
            await self.catch_up()
