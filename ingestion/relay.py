"""How stored events reach Temporal: each at least once, per person in the order of acceptance, until acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from meters import ROUTED, ROUTING_FAILED
from storage.aside import set_aside
from storage.database import DATABASE, Database
from storage.facts import read_events
from storage.hands import Hands
from storage.people import lock_people
from storage.routing import (
    HELD_BACK,
    REJECTED,
    REJECTED_FOR,
    backlog,
    failed,
    hold_back,
    routed,
    routes_of,
    unrouted,
)
from storage.runs import Entry, forget_entry, set_started
from workflows.catalogue import Catalogue

from .aftercare import Aftercare
from .circuit import LONGEST, Circuit, is_refusal
from .departures import Departures, StillStarting
from .dispatch import Dispatch
from .incoming import LATENESS
from .life import Life
from .rejection import Rejected
from .router import Action, Router
from .trouble import problem_of
from .watch import Watch

AT_ONCE = 16
"""People whose events are routed at the same time."""
AT_A_LOOK = 500
"""How many people with unrouted events are looked at together."""
LOOKS = 4
"""How often one after the other, where all of them are held back."""
BATCH = 100
"""How many events of one person are routed together."""
POLL = timedelta(milliseconds=500)
"""How often to look for events that another process has accepted."""
log = structlog.get_logger()


class Relay:
    """Routes what `accept` has committed. Any number of them may work side by side on PostgreSQL, one on SQLite."""

    def __init__(
        self,
        database: Database,
        client: Client,
        catalogue: Catalogue,
        *,
        task_queue: str,
        lateness: timedelta = LATENESS,
        holdout: float = 0.0,
    ) -> None:
        """`lateness` and `holdout` are as the router has them."""
        self._database = database
        self._router = Router(database, catalogue, lateness, holdout)
        self._watch = Watch(database, catalogue)
        departures = Departures(client, task_queue)
        self._hands = Hands(database)
        self._aftercare = Aftercare(database, catalogue, self._router, departures, self._hands)
        self._dispatch = Dispatch(departures, self._aftercare)
        self._circuit = Circuit()
        self._wake = asyncio.Event()
        self._due: dict[str, None] = {}
        self._busy: set[str] = set()
        self._looked_at = ""
        self.life = Life("relay")

    def wake(self, user_ids: Iterable[str] = ()) -> None:
        """Route these people's events at once; called after each commit in the same process."""
        self._due.update(dict.fromkeys(user_ids))
        self._wake.set()

    async def __aenter__(self) -> Relay:
        self.life.begin(self._run(), self._aftercare.sweep())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.life.end()
        await self._hands.close()

    async def idle(self) -> bool:
        """Whether nothing is left to route and nobody waits for a run to close."""
        async with self._database.read() as connection:
            left = await backlog(connection)
        return not left and not self._busy and await self._aftercare.idle()

    async def _run(self) -> None:
        """Route whoever is due; look into the database for those whom another process has accepted or left behind."""
        slots = asyncio.Semaphore(AT_ONCE)
        loop = asyncio.get_running_loop()
        looked = -POLL.total_seconds()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                if loop.time() - looked >= POLL.total_seconds():
                    # Also while our own door gives us more than we can do: somebody else's may have nobody left to route.
                    looked = loop.time()
                    self._due.update(dict.fromkeys(await self._unrouted()))
                if (free := next((user for user in self._due if user not in self._busy), None)) is not None:
                    await slots.acquire()
                    await self._circuit.turn(free)
                    del self._due[free]
                    self._busy.add(free)
                    group.create_task(self._person(free, slots))
                    continue
                with suppress(TimeoutError):
                    # Not wait_for: on Python 3.11 it loses a cancel that comes with the wake, and the relay never ends.
                    async with asyncio.timeout(POLL.total_seconds()):
                        await self._wake.wait()

    async def _unrouted(self) -> list[str]:
        found: list[str] = []
        try:
            async with self._database.read() as connection:
                for _ in range(LOOKS):
                    found, self._looked_at = await unrouted(connection, datetime.now(UTC), self._looked_at, AT_A_LOOK)
                    if found or not self._looked_at:
                        break
        except DATABASE as error:
            log.warning("the database cannot be read; trying again", error=type(error).__name__)
        return found

    async def _person(self, user_id: str, slots: asyncio.Semaphore) -> None:
        try:
            async with self._hands.holding(user_id, if_unrouted=True) as mine:
                while mine and await self.route(user_id):
                    pass
        except Exception as error:
            # Whatever it was: one person's trouble must not stop the relay, and at the next look it is tried again.
            log.warning(
                "a person's events could not be routed; they stay and are tried again", error=type(error).__name__
            )
        finally:
            self._circuit.over(user_id)
            self._busy.discard(user_id)
            slots.release()
            if user_id in self._due:
                self._wake.set()

    async def route(self, user_id: str, most: int | None = None) -> bool:
        """Route the next events, at most that many, of a person in our hands; whether there may be more of them."""
        seqs: list[int] = []
        try:
            actions = await self._decide(user_id, seqs, most)
            if actions:
                started = await self._dispatch.carry_out(actions)
                self._circuit.answered()
                return await self._acknowledge(user_id, seqs, started)
        except RPCError as error:
            refused = is_refusal(error)
            if refused:
                self._circuit.refused(user_id)
            await self._later(seqs[0], f"Temporal answered {error.status.name}", refused=refused)
            return False
        except DATABASE:
            raise
        except StillStarting as error:
            await self._later(seqs[0], str(error))
            return False
        except Rejected as error:
            self._circuit.answered()
            if len(seqs) > 1:
                # Together they may only be too much for one call.
                await self.route(user_id, 1)
                return True
            return await self._at_fault(user_id, seqs[0], error.problem, error)
        except Exception as error:
            if not seqs:
                raise
            if len(seqs) > 1:
                # One of them cannot be routed; those before it can.
                await self.route(user_id, 1)
                return True
            return await self._at_fault(user_id, seqs[0], problem_of(error))
        return len(seqs) >= BATCH

    async def _later(self, seq: int, problem: str, *, refused: bool = False) -> None:
        """Something is in the way of this event that is not its fault: it waits for ever, however often that is."""
        log.warning(
            "an event could not be routed; it and the person's later ones are tried again", seq=seq, problem=problem
        )
        ROUTING_FAILED.labels("temporal" if refused else "other").inc()
        longest = timedelta(seconds=LONGEST) if refused else HELD_BACK
        async with self._database.write() as connection:
            await hold_back(connection, seq, datetime.now(UTC), problem, longest=longest)

    async def _at_fault(self, user_id: str, seq: int, problem: str, rejected: Rejected | None = None) -> bool:
        """The event itself cannot be routed: try it again, or set it aside; whether the person's later ones may go on."""
        limits: dict[str, Any] = {"tries": REJECTED, "tried_for": REJECTED_FOR} if rejected else {}
        ROUTING_FAILED.labels("event").inc()
        async with self._database.write() as connection:
            now = datetime.now(UTC)
            await lock_people(self._database, connection, [user_id], now)
            for entry, run_id in rejected.started.items() if rejected else ():
                await set_started(connection, entry, run_id)
            if tries := await failed(connection, seq, now, problem, **limits):
                await set_aside(self._database, connection, user_id, seq, now, problem, tries)
                for entry in rejected.entries if rejected else ():
                    await forget_entry(connection, entry)
        if tries:
            log.error("an event was set aside; see `starter.py events`", seq=seq, problem=problem, tries=tries)
        else:
            log.warning("an event cannot be routed; it and the person's later ones wait", seq=seq, problem=problem)
        return bool(tries)

    async def _decide(self, user_id: str, seqs: list[int], most: int | None) -> list[Action]:
        """One transaction: what the person's next events, whose places go into `seqs`, are to cause."""
        async with self._database.write() as connection:
            now = datetime.now(UTC)
            person = (await lock_people(self._database, connection, [user_id], now))[user_id]
            seqs += await routes_of(connection, user_id, now, most or BATCH)
            if not seqs:
                return []
            events = await read_events(connection, seqs)
            actions = await self._router.route(connection, person, events, now)
            self.wake(await self._watch.after(connection, person, events, now))
            if not actions:
                await routed(connection, seqs)
                ROUTED.inc(len(seqs))
            return actions

    async def _acknowledge(self, user_id: str, seqs: list[int], started: dict[Entry, str]) -> bool:
        """Temporal has taken all of it; whether more of the person's events were accepted meanwhile.

        Nobody else looks after those: whoever accepted them found the person in our hands.
        """
        async with self._database.write() as connection:
            now = datetime.now(UTC)
            await lock_people(self._database, connection, [user_id], now)
            for entry, run_id in started.items():
                await set_started(connection, entry, run_id)
            await routed(connection, seqs)
            ROUTED.inc(len(seqs))
            return bool(await routes_of(connection, user_id, now, 1))
