"""How starts that were never acknowledged, runs that are to close and what they leave behind are seen to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from events import Event
from storage.acceptance import add_routes
from storage.aside import leave_to_relay
from storage.database import DATABASE, Database
from storage.facts import read_events
from storage.hands import Hands
from storage.holds import overdue, settle_left
from storage.people import lock_people
from storage.runs import (
    Entry,
    OpenRun,
    Place,
    ending_runs,
    entries_at,
    put_run,
    remove_run,
    run_at,
    set_entry,
    set_started,
    stale_entries,
    waiting_entries,
)
from workflows.catalogue import Catalogue

from .circuit import is_refusal
from .departures import Departures
from .rejection import is_rejection
from .router import TOGETHER, Router, Start

STALE = timedelta(seconds=30)
"""How long a start may be under way before it is repeated."""
MINUTE = 60.0
"""Seconds between two looks at messages that should have been settled."""
log = structlog.get_logger()


class Aftercare:
    """Whoever calls anything but `sweep` and `idle` has the person in hand."""

    def __init__(
        self, database: Database, catalogue: Catalogue, router: Router, departures: Departures, hands: Hands
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._router = router
        self._departures = departures
        self._hands = hands

    async def idle(self) -> bool:
        """Whether no entry waits for a run to close, and no start to be repeated."""
        async with self._database.read() as connection:
            waiting = await waiting_entries(connection, 1)
            return not waiting and not await stale_entries(connection, datetime.now(UTC), 1)

    async def depart(self, entry: Entry, event: Event, *, again: bool = False) -> str | None:
        """Start the entry's run and return its id; None if a run that we did not know of stands in its way.

        `again` where it may have been started before: a run of this entry that has ended since must not begin once more.
        """
        if again and (known := await self._departures.first_run(entry.place, entry.event_id)) is not None:
            return known
        try:
            return await self._departures.start(self._catalogue[entry.place.journey].journey, entry, event)
        except WorkflowAlreadyStartedError as error:
            await self._give_way(entry, await self._departures.first_run(entry.place) or error.run_id)
            return None

    async def verify(self, run: OpenRun) -> None:
        """See whether a run that an entry waits for has closed; a cancelled one is given a moment."""
        for pause in (0.01, 0.03, 0.06, 0.1, 0.2) if run.state == "ending" else (0,):
            await asyncio.sleep(pause)
            if await self._departures.is_closed(run):
                await self.close(run)
                return

    async def close(self, run: OpenRun) -> None:
        """The server says that this run is closed: forget it, and let in who waits for that."""
        start: Start | None = None
        async with self._database.write() as connection:
            now = datetime.now(UTC)
            person = (await lock_people(self._database, connection, [run.place.user_id], now))[run.place.user_id]
            await settle_left(connection, run.place, run.entry_id, now)
            await remove_run(connection, run.place, run.entry_id)
            if await run_at(connection, run.place) is not None:
                return
            for entry in await entries_at(connection, run.place):
                if entry.state == "waiting" and start is None:
                    start = await self._router.resume(connection, person, entry, now)
        if start is not None:
            await self._start(start.entry, start.event)

    async def sweep(self) -> None:
        """Once a second, look after runs that are to close, entries that wait for them, and starts left under way.

        At once and then every minute after messages that should have been settled: support may have stopped their run.
        """
        loop = asyncio.get_running_loop()
        looked = loop.time() - MINUTE
        while True:
            await asyncio.sleep(1)
            try:
                for run in await self._closing():
                    await self._look_after(run.place, partial(self._close_if_closed, run))
                for entry in await self._stale():
                    await self._look_after(entry.place, partial(self._start_if_stale, entry))
                if loop.time() - looked >= MINUTE:
                    looked = loop.time()
                    for place, entry_id in await self._overdue():
                        await self._look_after(place, partial(self._settle_if_gone, place, entry_id))
            except (RPCError, *DATABASE) as error:
                log.warning("looking after closing runs failed; trying again", error=type(error).__name__)

    async def _look_after(self, place: Place, chore: Callable[[], Awaitable[None]]) -> None:
        """One of a sweep: a journey that is gone, or whose condition throws, keeps nobody else waiting."""
        try:
            async with self._hands.holding(place.user_id) as mine:
                if mine:
                    await chore()
        except DATABASE:
            raise
        except RPCError as error:
            if is_refusal(error):
                raise
            log.warning("Temporal refuses to look after a run", journey=place.journey, error=error.status.name)
        except Exception as error:
            log.warning("a run cannot be looked after; trying again", journey=place.journey, error=type(error).__name__)

    async def _close_if_closed(self, run: OpenRun) -> None:
        if await self._departures.is_closed(run):
            await self.close(run)

    async def _settle_if_gone(self, place: Place, entry_id: str) -> None:
        """Settle what this pass has left behind, if its run is closed."""
        async with self._database.write() as connection:
            now = datetime.now(UTC)
            await lock_people(self._database, connection, [place.user_id], now)
            run = await run_at(connection, place)
            if run is None or run.entry_id != entry_id:
                await settle_left(connection, place, entry_id, now)
                return
        await self._close_if_closed(run)

    async def _start_if_stale(self, entry: Entry) -> None:
        """Repeat a start; unless it was acknowledged before the person came into our hands."""
        async with self._database.read() as connection:
            stands = any(each == entry for each in await entries_at(connection, entry.place))
            events = await read_events(connection, [entry.seq]) if stands else []
        for event in events:
            await self._start(entry, event, again=True)

    async def _start(self, entry: Entry, event: Event, *, again: bool = False) -> None:
        """Start the entry's run, tell it what came while it had to wait, and note that at once.

        What Temporal rejects of it is left to the relay, which tries it a few times and sets it aside.
        """
        try:
            if (run_id := await self.depart(entry, event, again=again)) is None:
                return
        except RPCError as error:
            if not is_rejection(error):
                raise
            async with self._database.write() as connection:
                await lock_people(self._database, connection, [entry.place.user_id], datetime.now(UTC))
                await leave_to_relay(self._database, connection, entry)
            return
        async with self._database.read() as connection:
            missed = await self._router.missed(connection, entry)
        run = OpenRun(entry.place, entry.event_id, entry.seq, run_id, "open", entry.seq, entry.entered_at)
        rejected: list[tuple[int, str]] = []
        for start in range(0, len(missed), TOGETHER):
            part = tuple(missed[start : start + TOGETHER])
            try:
                await self._departures.inform(run, part)
            except RPCError as error:
                if not is_rejection(error):
                    raise
                rejected += [(each.seq, entry.place.user_id) for each in part]
        async with self._database.write() as connection:
            await lock_people(self._database, connection, [entry.place.user_id], datetime.now(UTC))
            await set_started(connection, entry, run_id)
            await add_routes(self._database, connection, rejected)

    async def _give_way(self, entry: Entry, run_id: str | None) -> None:
        """Let the entry wait for a run of its id that something else has started."""
        async with self._database.write() as connection:
            await lock_people(self._database, connection, [entry.place.user_id], datetime.now(UTC))
            await set_entry(connection, entry, "waiting")
            run = OpenRun(entry.place, f"unknown:{run_id}", 0, run_id, "ending", None, datetime.now(UTC))
            await put_run(self._database, connection, run)

    async def _stale(self) -> list[Entry]:
        """Entries whose start was decided and never acknowledged: their relay died in between."""
        async with self._database.read() as connection:
            return await stale_entries(connection, datetime.now(UTC) - STALE, 100)

    async def _overdue(self) -> list[tuple[Place, str]]:
        async with self._database.read() as connection:
            return await overdue(connection, datetime.now(UTC), 100)

    async def _closing(self) -> list[OpenRun]:
        async with self._database.read() as connection:
            runs = {run.place: run for run in await ending_runs(connection, 200)}
            for entry in await waiting_entries(connection, 200):
                run = await run_at(connection, entry.place)
                # Without a row the run is known to be closed, and only the start was left undone.
                runs[entry.place] = run or OpenRun(entry.place, "", 0, None, "ending", None, entry.entered_at)
            return list(runs.values())
