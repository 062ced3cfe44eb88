"""One made-up person: what happens to them at which moment of journey time, and what their journeys do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingestion.departures import delay_of, input_of
from ingestion.incoming import Incoming, checked
from ingestion.router import Cancel, Inform, Start
from profiles.person import Person
from storage.assignments import put_assignments
from storage.facts import read_events
from storage.ledger import Send, sends_of_person
from storage.people import lock_people, write_people
from storage.routing import routed, routes_of
from storage.runs import OpenRun, Place, entries_at, remove_run, set_started
from workflows.clock import zone_of
from workflows.inbox import written

from .house import House
from .performing import perform
from .persona import Persona
from .run import Job, Run, cancelled, signalled
from .watched import Verb, Watched, forget, verbs_of

AT_MOST = 10_000
"""Steps between two moments; a journey that does more without waiting turns in a circle."""


@dataclass
class Walk:
    """One pass through a journey."""

    entry: OpenRun
    run: Run
    arrived: list[Job]
    """What came while it was asleep; it sees that first."""
    verbs: list[Verb]
    account: dict[str, Any] | None = None
    """What it returned; None while it is open."""


class Scene:
    """Nothing happens by itself here but what is due: time moves when it is told to."""

    def __init__(self, house: House, persona: Persona, user: str, arms: Mapping[str, str] | None = None) -> None:
        """`arms` are those of experiments in which the person is, by name; in any other they are drawn."""
        self.persona = persona
        self.user = user
        self.now = persona.begins
        self.walks: list[Walk] = []
        self.house = house
        self._arms = arms or {}
        self._numbers = 0

    # ── what happens ──

    async def enters(self) -> None:
        """They are known: traits, and what they do not want."""
        await self.is_known(Person(self.user, self.now))
        await self.does("Identified", traits=self.persona.traits_told(self.user))
        if self.persona.refuses:
            await self.does("Unsubscribed", {"channel": "*", "topic": self.persona.refuses})

    async def is_known(self, person: Person) -> None:
        """Somebody is known as this, and is in the arms that were told."""
        async with self.house.database.write() as connection:
            await write_people(self.house.database, connection, [person])
            await put_assignments(self.house.database, connection, self.user, self._arms, self.now)

    async def does(
        self,
        name: str,
        properties: Mapping[str, Any] | None = None,
        *,
        traits: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        second_hand: bool = False,
    ) -> None:
        """It happens now, and everything that follows at once."""
        self._numbers += 1
        message = Incoming(
            event_id=f"{self.user}-{self._numbers}",
            name=name,
            occurred_at=self.now,
            received_at=self.now,
            user_id=self.user,
            anonymous_id=None,
            properties=dict(properties or {}),
            traits=dict(traits or {}),
            context=self.persona.context(self.user) | dict(context or {}),
            second_hand=second_hand,
        )
        await self.takes(checked(message))

    async def takes(self, message: Incoming) -> None:
        """The front door has taken this in, and everything that follows happens at once."""
        (result,) = await self.house.acceptor.commit([message])
        if isinstance(result, Exception):
            raise result
        await self._settle()

    async def until(self, moment: datetime) -> None:
        """Time passes; whatever is due on the way is done at its time."""
        while (due := self.due) is not None and due <= moment:
            self.now = max(self.now, due)
            await self._settle()
        self.now = max(self.now, moment)

    async def waits(self, duration: timedelta) -> None:
        """Time passes."""
        await self.until(self.now + duration)

    async def ends(self, within: timedelta) -> None:
        """Time passes until nothing is waited for any more, at most so long."""
        until = self.now + within
        while (due := self.due) is not None and due <= until:
            await self.until(due)

    # ── what can be seen ──

    @property
    def due(self) -> datetime | None:
        """The next moment at which something is done without being asked."""
        return min((moment for walk in self.walks for moment in _due(walk.run)), default=None)

    @property
    def open(self) -> list[Walk]:
        """Passes that are not over."""
        return [walk for walk in self.walks if walk.account is None]

    async def ledger(self) -> list[Send]:
        """What was decided about each message."""
        async with self.house.database.read() as connection:
            return await sends_of_person(connection, self.user)

    # ── what follows ──

    async def _settle(self) -> None:
        for _ in range(AT_MOST):
            if not (await self._route() or await self._step()):
                return
        raise RuntimeError(f"{self.open[0].run.journey} goes on without ever waiting; give it a sleep or a wait_for.")

    async def _route(self) -> bool:
        """Let the shipped router decide about what was accepted, and do what it says; whether there was anything."""
        database = self.house.database
        async with database.write() as connection:
            seqs = await routes_of(connection, self.user, self.now, 100)
            if not seqs:
                return False
            person = (await lock_people(database, connection, [self.user], self.now))[self.user]
            events = await read_events(connection, seqs)
            actions = await self.house.router.route(connection, person, events, self.now)
            for action in actions:
                match action:
                    case Start():
                        walk = self._opened(action)
                        await set_started(connection, action.entry, walk.run.first_run)
                    case Cancel(run, _):
                        self._tell(run.place, cancelled(action.reason))
                    case Inform(run, news):
                        self._tell(run.place, signalled([written(event) for event in news]))
            await routed(connection, seqs)
        return True

    def _opened(self, start: Start) -> Walk:
        entry = start.entry
        journey = self.house.catalogue[entry.place.journey].journey
        begins = self.now + delay_of(journey, start.event, self.now)
        run = Run(journey.name, input_of(entry, start.event), begins, workflow=Watched)
        row = OpenRun(entry.place, entry.event_id, entry.seq, run.first_run, "open", None, begins)
        walk = Walk(row, run, [], [])
        self.walks.append(walk)
        return walk

    def _tell(self, place: Place, job: Job) -> None:
        for walk in self.open:
            if walk.entry.place == place:
                walk.arrived.append(job)
                if not walk.run.is_asleep or job.HasField("cancel_workflow"):
                    walk.run.now = self.now  # A cancel wakes whoever sleeps, a signal does not.

    async def _step(self) -> bool:
        """The next thing that is due by now; whether there was one."""
        for walk in self.open:
            run = walk.run
            if run.is_closed:
                await self._close(walk)
            elif run.is_asleep and run.now <= self.now:
                run.begin(*walk.arrived)
                walk.arrived.clear()
            elif not run.is_asleep and walk.arrived:
                jobs, run.now = [*walk.arrived], self.now
                walk.arrived.clear()
                run.activate(*jobs)
            elif due := [seq for seq, asked in run.activities.items() if asked.due <= self.now]:
                await perform(self.house.sender, run, due[0])
            elif any(moment <= self.now for moment in run.timers.values()):
                run.fire()
            else:
                continue
            walk.verbs = verbs_of(run.first_run) or walk.verbs
            return True
        return False

    async def _close(self, walk: Walk) -> None:
        if walk.run.successor is not None:
            walk.run = walk.run.successor
            return
        walk.account = walk.run.result
        forget(walk.run.first_run)
        database = self.house.database
        async with database.write() as connection:
            await remove_run(connection, walk.entry.place, walk.entry.entry_id)
            person = (await lock_people(database, connection, [self.user], self.now))[self.user]
            for entry in await entries_at(connection, walk.entry.place):
                if entry.state == "waiting":
                    start = await self.house.router.resume(connection, person, entry, self.now)
                    if start is not None:
                        opened = self._opened(start)
                        await set_started(connection, start.entry, opened.run.first_run)
                        missed = await self.house.router.missed(connection, start.entry)
                        if missed:
                            self._tell(entry.place, signalled([written(event) for event in missed]))
                    break

    def local(self, moment: datetime) -> datetime:
        """That moment on their own clock."""
        return moment.astimezone(zone_of(self.persona.zone))


def _due(run: Run) -> list[datetime]:
    if run.is_closed:
        return []
    if run.is_asleep:
        return [run.now]
    return [*run.timers.values(), *(asked.due for asked in run.activities.values())]
