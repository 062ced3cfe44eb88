"""How stored events reach Temporal: each at least once, per person in the order of acceptance, until acknowledged."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from events import Event
from storage.database import UNREACHABLE, Database
from storage.facts import read_events
from storage.people import lock_people
from storage.runs import (
    Entry,
    OpenRun,
    Place,
    backlog,
    ending_runs,
    entries_at,
    put_run,
    remove_run,
    routed,
    routes_of,
    run_at,
    set_aside,
    set_entry,
    set_started,
    stale_entries,
    unrouted,
    waiting_entries,
)
from workflows.catalogue import Catalogue

from .departures import Departures, StillStarting
from .router import Action, Cancel, Inform, Router, Start, Verify

DATABASE = (DBAPIError, *UNREACHABLE)
AT_ONCE = 16
"""People whose events are routed at the same time."""
AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
"""Answers that mean Temporal itself is not there, not that one run is wrong."""
AT_A_LOOK = 500
"""How many people one look into the database finds."""
BATCH = 100
"""How many events of one person are routed together."""
POLL = timedelta(milliseconds=500)
"""How often to look for events that another process has accepted."""
STALE = timedelta(seconds=30)
"""How long a start may be under way before it is repeated."""
log = structlog.get_logger()


class Relay:
    """Routes what `accept` has committed. Any number of them may work side by side on PostgreSQL, one on SQLite."""

    def __init__(self, database: Database, client: Client, catalogue: Catalogue, *, task_queue: str) -> None:
        self._database = database
        self._catalogue = catalogue
        self._router = Router(database, catalogue)
        self._departures = Departures(client, task_queue)
        self._wake = asyncio.Event()
        self._due: dict[str, None] = {}
        self._busy: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def wake(self, user_ids: Iterable[str] = ()) -> None:
        """Route these people's events at once; called after each commit in the same process."""
        self._due.update(dict.fromkeys(user_ids))
        self._wake.set()

    async def __aenter__(self) -> Relay:
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._sweep())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def idle(self) -> bool:
        """Whether nothing is left to route and nobody waits for a run to close."""
        async with self._database.read() as connection:
            left = await backlog(connection) or await waiting_entries(connection, 1)
            left = left or await stale_entries(connection, datetime.now(UTC), 1)
            return not left and not self._busy

    async def _run(self) -> None:
        """Route whoever is due; look into the database for those whom another process has accepted or left behind."""
        slots = asyncio.Semaphore(AT_ONCE)
        loop = asyncio.get_running_loop()
        looked = -POLL.total_seconds()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                if loop.time() - looked >= POLL.total_seconds():
                    looked = loop.time()
                    self._due.update(dict.fromkeys(await self._unrouted()))
                while free := next((user for user in self._due if user not in self._busy), None):
                    await slots.acquire()
                    del self._due[free]
                    self._busy.add(free)
                    group.create_task(self._person(free, slots))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL.total_seconds())

    async def _unrouted(self) -> list[str]:
        try:
            async with self._database.read() as connection:
                return await unrouted(connection, datetime.now(UTC), AT_A_LOOK)
        except DATABASE as error:
            log.warning("the database cannot be read; trying again", error=type(error).__name__)
            return []

    async def _person(self, user_id: str, slots: asyncio.Semaphore) -> None:
        try:
            while await self.route(user_id):
                pass
        except Exception as error:
            # Whatever it was: one person's trouble must not stop the relay, and at the next look it is tried again.
            log.warning(
                "a person's events could not be routed; they stay and are tried again", error=type(error).__name__
            )
        finally:
            self._busy.discard(user_id)
            slots.release()
            if user_id in self._due:
                self._wake.set()

    async def route(self, user_id: str, most: int | None = None) -> bool:
        """Route the person's next events, at most that many; whether there may be more of them."""
        seqs: list[int] = []
        try:
            actions = await self._decide(user_id, seqs, most)
            if actions:
                started = await self._carry_out(actions)
                async with self._database.write() as connection:
                    await lock_people(self._database, connection, [user_id], datetime.now(UTC))
                    for entry, run_id in started.items():
                        await set_started(connection, entry, run_id)
                    await routed(connection, seqs)
        except RPCError as error:
            await self._later(seqs[0], f"Temporal answered {error.status.name}", error)
            return False
        except DATABASE:
            raise
        except StillStarting as error:
            await self._later(seqs[0], str(error), error)
            return False
        except Exception as error:
            if not seqs:
                raise
            if len(seqs) > 1:
                # One of them cannot be routed; those before it can.
                await self.route(user_id, 1)
                return True
            await self._later(seqs[0], f"{type(error).__name__} in a journey's condition", error)
            return False
        return len(seqs) >= BATCH

    async def _later(self, seq: int, problem: str, error: Exception) -> None:
        log.warning(
            "an event could not be routed; it and the person's later ones are tried again", seq=seq, problem=problem
        )
        if not isinstance(error, RPCError):
            # Where, and not the traceback: the logger would print every local with it, and with them who it was about.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            log.warning("the reason", error=type(error).__name__, file=Path(frame.filename).name, line=frame.lineno)
        async with self._database.write() as connection:
            await set_aside(connection, seq, datetime.now(UTC), problem)

    async def _decide(self, user_id: str, seqs: list[int], most: int | None) -> list[Action]:
        """One transaction: what the person's next events, whose places go into `seqs`, are to cause."""
        async with self._database.write() as connection:
            now = datetime.now(UTC)
            person = (await lock_people(self._database, connection, [user_id], now))[user_id]
            seqs += await routes_of(connection, user_id, now, most or BATCH)
            if not seqs:
                return []
            actions = await self._router.route(connection, person, await read_events(connection, seqs), now)
            if not actions:
                await routed(connection, seqs)
            return actions

    async def _carry_out(self, actions: Iterable[Action]) -> dict[Entry, str]:
        """Say it all to Temporal, in order; returns the run ids of what was started, still to be noted."""
        started: dict[Entry, str] = {}
        run_ids: dict[Place, str] = {}
        for action in actions:
            match action:
                case Start(entry, event):
                    if (run_id := await self._depart(entry, event)) is not None:
                        started[entry] = run_ids[entry.place] = run_id
                case Cancel(run, _):
                    await self._departures.cancel(_named(run, run_ids), action.reason)
                case Inform(run, events):
                    if not await self._departures.inform(_named(run, run_ids), events):
                        await self.close(run)
                case Verify(run):
                    await self._verify(_named(run, run_ids))
        return started

    async def _start(self, entry: Entry, event: Event) -> None:
        """Start the entry's run, and note that at once."""
        if (run_id := await self._depart(entry, event)) is not None:
            async with self._database.write() as connection:
                await lock_people(self._database, connection, [entry.place.user_id], datetime.now(UTC))
                await set_started(connection, entry, run_id)

    async def _depart(self, entry: Entry, event: Event) -> str | None:
        """Start the entry's run and return its id; None if a run that we did not know of stands in its way."""
        try:
            return await self._departures.start(self._catalogue[entry.place.journey].journey, entry, event)
        except WorkflowAlreadyStartedError as error:
            await self._give_way(entry, await self._departures.first_run(entry.place) or error.run_id)
            return None

    async def _give_way(self, entry: Entry, run_id: str | None) -> None:
        """Let the entry wait for a run of its id that something else has started."""
        async with self._database.write() as connection:
            await lock_people(self._database, connection, [entry.place.user_id], datetime.now(UTC))
            await set_entry(connection, entry, "waiting")
            run = OpenRun(entry.place, f"unknown:{run_id}", 0, run_id, "ending", None, datetime.now(UTC))
            await put_run(self._database, connection, run)

    async def _verify(self, run: OpenRun) -> None:
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
            await remove_run(connection, run.place, run.entry_id)
            if await run_at(connection, run.place) is not None:
                return
            for entry in await entries_at(connection, run.place):
                if entry.state == "waiting" and start is None:
                    start = await self._router.resume(connection, person, entry, now)
        if start is not None:
            await self._start(start.entry, start.event)

    async def _sweep(self) -> None:
        """Once a second, look after runs that are to close and entries that wait for them."""
        while True:
            await asyncio.sleep(1)
            try:
                for run in await self._closing():
                    await self._look_after(run.place, self._close_if_closed(run))
                for start in await self._stale():
                    await self._look_after(start.entry.place, self._start(start.entry, start.event))
            except (RPCError, *DATABASE) as error:
                log.warning("looking after closing runs failed; trying again", error=type(error).__name__)

    async def _look_after(self, place: Place, chore: Coroutine[Any, Any, object]) -> None:
        """One of a sweep: a journey that is gone, or whose condition throws, keeps nobody else waiting."""
        try:
            await chore
        except DATABASE:
            raise
        except RPCError as error:
            if error.status in AWAY:
                raise
            log.warning("Temporal refuses to look after a run", journey=place.journey, error=error.status.name)
        except Exception as error:
            log.warning("a run cannot be looked after; trying again", journey=place.journey, error=type(error).__name__)

    async def _close_if_closed(self, run: OpenRun) -> None:
        if await self._departures.is_closed(run):
            await self.close(run)

    async def _stale(self) -> list[Start]:
        """Starts that were decided and never acknowledged, to be repeated: their relay died in between."""
        async with self._database.read() as connection:
            stale = await stale_entries(connection, datetime.now(UTC) - STALE, 100)
            events = {event.event_id: event for event in await read_events(connection, [entry.seq for entry in stale])}
        idle = [entry for entry in stale if entry.place.user_id not in self._busy and entry.event_id in events]
        return [Start(entry, events[entry.event_id]) for entry in idle]

    async def _closing(self) -> list[OpenRun]:
        async with self._database.read() as connection:
            runs = {run.place: run for run in await ending_runs(connection, 200)}
            for entry in await waiting_entries(connection, 200):
                run = await run_at(connection, entry.place)
                # Without a row the run is known to be closed, and only the start was left undone.
                runs[entry.place] = run or OpenRun(entry.place, "", 0, None, "ending", None, entry.entered_at)
            return list(runs.values())


def _named(run: OpenRun, run_ids: dict[Place, str]) -> OpenRun:
    """The run with the id that its start, a moment ago, was answered with."""
    return replace(run, first_run_id=run_ids.get(run.place, run.first_run_id))
