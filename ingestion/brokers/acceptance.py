"""What becomes of a broker's messages: committed events, or dead letters with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import IntegrityError

from errors import EventError, JourneymanError, PartDied
from ingestion.accept import GROUP, Acceptor
from ingestion.incoming import Incoming
from storage.database import DATABASE

from .record import Record, parts

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between attempts to store what could not be stored."""
ATTEMPTS = 5
"""How often events are tried that fail for a reason nobody foresaw, before the one at fault is looked for."""
TAKEN = GROUP
"""Messages that a consumer takes at once."""
log = structlog.get_logger()


@dataclass(frozen=True)
class DeadLetter:
    """What was not taken, and will not be without being mended."""

    place: int
    """Of its message among those that were given to be taken."""
    body: bytes = field(repr=False)
    reason: str
    """What is wrong, without personal data."""


class Unforeseen(EventError):
    """An event that our own code fails at; publish it again after a fix."""


Take = Callable[[Sequence[Record]], Awaitable[list[DeadLetter]]]
"""Returns when all of these are committed, or among the dead letters; then, and not before, they may be acknowledged."""


class Acceptance:
    """Takes the messages of one broker, in order."""

    def __init__(self, acceptor: Acceptor, broker: str) -> None:
        self._acceptor = acceptor
        self._broker = broker

    async def take(self, records: Sequence[Record]) -> list[DeadLetter]:
        """Commit every event of these in order; waits for the database for as long as it is away."""
        now = datetime.now(UTC)
        found = [(place, part) for place, record in enumerate(records) for part in parts(record, now)]
        stored = iter(await self._stored([part.event for _, part in found if isinstance(part.event, Incoming)]))
        letters = []
        for place, part in found:
            result = next(stored) if isinstance(part.event, Incoming) else part.event
            if isinstance(result, JourneymanError):
                log.warning("a message goes to the dead letters", broker=self._broker, reason=str(result))
                letters.append(DeadLetter(place, part.alone(), str(result)))
        return letters

    async def _stored(self, events: Sequence[Incoming]) -> list[bool | JourneymanError]:
        pause, attempt = FIRST_PAUSE, 1
        while True:
            try:
                return await self._acceptor.accept(events)
            except PartDied:
                raise
            except Exception as error:
                log.warning("events were not stored; trying again", broker=self._broker, error=type(error).__name__)
                if not _is_the_database(error) and attempt >= ATTEMPTS and (results := await self._sorted_out(events)):
                    return results
            await asyncio.sleep(pause)
            pause, attempt = min(2 * pause, LONGEST_PAUSE), attempt + 1

    async def _sorted_out(self, events: Sequence[Incoming]) -> list[bool | JourneymanError]:
        """Each of these on its own, with an error for those that fail; nothing where all of several do: it is not their fault."""
        results = [await self._alone(event) for event in events]
        if None in results:
            return []
        failed = [place for place, result in enumerate(results) if isinstance(result, Unforeseen)]
        if len(failed) == len(events) > 1:
            return []
        if len(events) > 1:
            # Once more, now that others could be stored: what was wrong may have been mended in between.
            results = [
                await self._alone(event) if place in failed else results[place] for place, event in enumerate(events)
            ]
        return [] if None in results else [result for result in results if result is not None]

    async def _alone(self, event: Incoming) -> bool | JourneymanError | None:
        """What became of this one; None where the database is away."""
        try:
            (result,) = await self._acceptor.accept([event])
        except PartDied:
            raise
        except Exception as error:
            if _is_the_database(error):
                return None
            return Unforeseen(f"It could not be stored ({type(error).__name__}); publish it again after a fix.")
        return result


def stop_if_cancelled() -> None:
    """Raise the CancelledError that a library has swallowed: on Python 3.11 `wait_for` can, when what it waits for is done."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _is_the_database(error: Exception) -> bool:
    """Whether it is not this event's fault."""
    return isinstance(error, DATABASE) and not isinstance(error, IntegrityError)
