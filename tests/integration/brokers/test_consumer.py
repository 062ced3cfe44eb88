"""How long a consumer lives: through whatever its broker's library does, until it is asked to end or there is a mistake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ingestion.brokers.acceptance import Take
from ingestion.brokers.consumer import Consumer
from tests.door import Door
from tests.servers import wait_until


class Fickle:
    """A broker that ends in one way after another, as the libraries have been seen to; then it stays."""

    name, library, extra = "fickle", "asyncio", "fickle"

    def __init__(self, *ends: Callable[[], BaseException]) -> None:
        self.ends = [*ends]
        self.stays = False

    def away(self) -> tuple[type[BaseException], ...]:
        return (OSError,)

    async def consume(self, take: Take) -> None:
        if self.ends:
            raise self.ends.pop(0)()
        if self.stays:
            await asyncio.Event().wait()
        self.stays = True
        # Swallowed once, as `wait_for` may on Python 3.11.
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def test_it_lives_on(door: Door) -> None:
    """A consumer outlives a broker that is away, a bare Exception, and a cancellation that nobody asked for; asked to end, it ends
    though the library swallows that.

    Killed by: leaving out the bare Exception or the CancelledError in Consumer._run, or stop_if_cancelled at its top.
    """
    broker = Fickle(OSError, Exception, asyncio.CancelledError)
    consumer = Consumer(broker, door.acceptor)
    async with asyncio.timeout(20), consumer:
        await wait_until(lambda: broker.stays)
        consumer.life.check()


async def test_it_dies(door: Door) -> None:
    """A mistake of ours ends the consumer: its part is dead.

    Killed by: taking any exception for a broker that is away.
    """
    async with Consumer(Fickle(ValueError), door.acceptor) as consumer:
        await asyncio.wait_for(consumer.life.over.wait(), 10)
