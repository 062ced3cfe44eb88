"""How all people together are counted anew every hour, for their scores, and who comes into a segment by that or with time."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from profiles.person import Person
from profiles.scores import Count, Population
from storage.database import DATABASE, Database
from storage.enrolments import ahead
from storage.memberships import judged, watch, watched_now
from storage.people import lock_known, people_after
from storage.population import begin_count, orders_after, put_population
from workflows.catalogue import Catalogue

from .life import Life
from .trouble import problem_of
from .watch import Watch

EVERY = timedelta(hours=1)
LOOK = 30.0
"""Seconds between two looks whether it is time."""
PAGE = 500
"""How many people's orders are read together: on SQLite nothing else goes on in this process meanwhile."""
JUDGED = 100
"""How many people are judged together, which takes some 15 ms."""
GROUP = 50
"""How many are let into a segment by one transaction, at most."""
AHEAD = 100
"""How many events may wait for the relay before more people come into segments: what people do goes first."""
PATIENCE = 25
"""How many looks at that, five in a second, until we say that we wait."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Progress:
    """How far a count has come: first everybody's orders are read, then everybody is judged, if anything is watched."""

    people: int = 0
    judged: int = 0
    entered: int = 0
    population: Population | None = None


class Census:
    """Counts in pages, and lets everybody else go on between them. Of several processes one does it."""

    def __init__(
        self, database: Database, catalogue: Catalogue, *, woken: Callable[[Iterable[str]], None] = lambda users: None
    ) -> None:
        """`woken` is told who has come into a segment."""
        self._database = database
        self._watch = Watch(database, catalogue)
        self._woken = woken
        self.life = Life("count of the population")

    async def __aenter__(self) -> Census:
        self.life.begin(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.life.end()

    async def begin(self, every: timedelta = EVERY) -> bool:
        """Whether it is time, and our turn; segments that journeys have come to start on are watched from now on."""
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            await watch(self._database, connection, self._watch.segments, now)
            known = await watched_now(connection)
            is_new = any(known[name].judged_at is None and known[name].since == now for name in self._watch.segments)
            return await begin_count(self._database, connection, now, timedelta(0) if is_new else every)

    async def take(self) -> AsyncGenerator[Progress, None]:
        """Count everybody, then judge everybody; yields after each page."""
        progress, count, cursor = Progress(), Count(), ""
        while True:
            async with self._database.read() as connection:
                rows = await orders_after(connection, cursor, PAGE)
            if not rows:
                break
            for _, last_order_at, orders, spent, currency in rows:
                if orders and last_order_at is not None:
                    count.add(last_order_at, orders, spent, currency)
            cursor = str(rows[-1][0])
            progress = replace(progress, people=progress.people + len(rows))
            yield progress
            await asyncio.sleep(0)
        population = count.population()
        async with self._database.write() as connection:
            await put_population(connection, population, progress.people, datetime.now(UTC))
        yield (progress := replace(progress, population=population))
        if self._watch.segments:
            async with aclosing(self._judge(progress, population)) as steps:
                async for progress in steps:
                    yield progress

    async def _judge(self, progress: Progress, population: Population) -> AsyncGenerator[Progress, None]:
        known_at, cursor = datetime.now(UTC), ""
        while True:
            began = time.monotonic()
            async with self._database.read() as connection:
                page = await people_after(connection, cursor, known_at, JUDGED)
                changed = await self._watch.changes(connection, page, datetime.now(UTC), population) if page else []
            if not page:
                break
            # On SQLite nothing else goes on in this process while it reads: a third of the time is the others' alone.
            await asyncio.sleep((time.monotonic() - began) / 2)
            wanted = [*dict.fromkeys(each.user_id for each in changed)]
            for start in range(0, len(wanted), GROUP):
                users = await self._let_in(wanted[start : start + GROUP], population)
                progress = replace(progress, entered=progress.entered + len(users))
            cursor = page[-1].user_id
            progress = replace(progress, judged=progress.judged + len(page))
            yield progress
        async with self._database.write() as connection:
            await judged(connection, self._watch.segments, datetime.now(UTC))
        yield progress

    async def _let_in(self, users: list[str], population: Population) -> list[str]:
        """One transaction: these persons judged once more, under their locks."""
        await self._turn()
        began = time.monotonic()
        async with self._database.write() as connection:
            people: list[Person] = [*(await lock_known(self._database, connection, users)).values()]
            entered = await self._watch.judge(connection, people, datetime.now(UTC), population)
        self._woken(entered)
        # No more than half of the time is ours: on SQLite nobody else can write meanwhile.
        await asyncio.sleep(time.monotonic() - began)
        return entered

    async def _turn(self) -> None:
        """Wait until what waits for the relay allows more."""
        for look in itertools.count(1):
            async with self._database.read() as connection:
                if await ahead(connection, datetime.now(UTC), AHEAD) < AHEAD:
                    return
            if look == PATIENCE:
                log.warning(
                    "nobody comes into a segment while so much waits for the relay; is `starter.py run` or `serve` up?"
                )
            await asyncio.sleep(0.2)

    async def _run(self) -> None:
        while True:
            try:
                if await self.begin():
                    began, progress = time.monotonic(), Progress()
                    async with aclosing(self.take()) as steps:
                        async for step in steps:
                            progress = step
                    took = {"seconds": round(time.monotonic() - began, 1)}
                    log.info("the population was counted", people=progress.people, entered=progress.entered, **took)
            except DATABASE as error:
                log.warning("the population could not be counted; trying again", error=type(error).__name__)
            except Exception as error:
                log.error("the population cannot be counted; trying again", problem=problem_of(error))
            await asyncio.sleep(LOOK)
