"""Who brings what a broker holds to acceptance, for as long as the process lives."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Protocol

import structlog

from errors import SettingsError
from ingestion.accept import Acceptor
from ingestion.life import Life

from .acceptance import Acceptance, Take, stop_if_cancelled

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds between attempts to reach a broker."""
log = structlog.get_logger()


class Broker(Protocol):
    """One queue or topic."""

    name: str
    library: str
    """The module that speaks its protocol."""
    extra: str
    """What is to be installed with the project to have it; also the end of its variable's name."""

    def away(self) -> tuple[type[BaseException], ...]:
        """What `consume` raises where the broker is away or refuses us: it is tried again."""

    async def consume(self, take: Take) -> None:
        """Hand over what comes, acknowledging each message when it is taken, until the broker is away."""


class Consumer:
    """Consumes one broker, and connects to it again and again where it is away."""

    def __init__(self, broker: Broker, acceptor: Acceptor) -> None:
        """SettingsError where the broker's library is not installed."""
        if find_spec(broker.library) is None:
            raise SettingsError(
                f"JOURNEYMAN_{broker.extra.upper()} is set, and the library for it is missing. "
                f"Install it: .venv/bin/pip install '.[{broker.extra}]'"
            )
        self._broker = broker
        self._take = Acceptance(acceptor, broker.name).take
        self.life = Life(f"consumer of {broker.name}")

    async def __aenter__(self) -> Consumer:
        self.life.begin(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.life.end()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause, away = FIRST_PAUSE, self._broker.away()
        while True:
            stop_if_cancelled()
            began = loop.time()
            try:
                await self._broker.consume(self._take)
            except (Exception, asyncio.CancelledError) as error:
                stop_if_cancelled()
                # aiormq ends what waits with a bare Exception, or cancels it, where a connection closes without a reason.
                if not isinstance(error, (*away, asyncio.CancelledError)) and type(error) is not Exception:
                    raise
                if loop.time() - began > LONGEST_PAUSE:
                    pause = FIRST_PAUSE
                log.warning(
                    "the broker is away or refuses us; trying again",
                    broker=self._broker.name,
                    error=type(error).__name__,
                    seconds=pause,
                )
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
