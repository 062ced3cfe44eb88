"""What one event means for one person's journeys: which runs it ends, opens and informs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Enrolled, Event
from meters import CLOCKS
from profiles.person import Person
from storage.aside import leave_to_relay
from storage.database import DATABASE, Database
from storage.facts import accepted_after, arrival_of, newest_first, read_events
from storage.holds import withdraw
from storage.profiles import Candidate
from storage.runs import (
    Entry,
    OpenRun,
    Place,
    add_entry,
    entries_at,
    entries_into,
    put_run,
    runs_of,
    set_ending,
    set_entry,
)
from workflows.catalogue import Catalogue, Listed
from workflows.definition import Journey

from .experiments import Draw
from .incoming import LATENESS
from .trouble import problem_of
from .watch import is_forged

log = structlog.get_logger()


@dataclass(frozen=True)
class Start:
    """Start the run of this entry with this event; `again` if that was decided before, and we do not know how far it came."""

    entry: Entry
    event: Event
    again: bool = False

    @property
    def place(self) -> Place:
        return self.entry.place


@dataclass(frozen=True)
class Cancel:
    """End this run because of this event."""

    run: OpenRun
    event: Event

    @property
    def place(self) -> Place:
        return self.run.place

    @property
    def reason(self) -> str:
        return f"goal: {self.event.event_name} ({self.event.event_id})"


@dataclass(frozen=True)
class Inform:
    """Signal these events to this run."""

    run: OpenRun
    events: tuple[Event, ...]

    @property
    def place(self) -> Place:
        return self.run.place


@dataclass(frozen=True)
class Verify:
    """Ask the server whether this run is still open: an entry waits for it to close."""

    run: OpenRun

    @property
    def place(self) -> Place:
        return self.run.place


Action = Start | Cancel | Inform | Verify

OVERDUE = timedelta(minutes=1)
"""How long after its time a run that has not begun is still believed to be open without asking the server."""
HELD_OUT = timedelta(days=1)
"""How soon who is held out of a journey that is always open is counted again: no run is there to take in the next events."""
TOGETHER = 100
"""How many events one signal carries."""


class Router:
    """Decides under the person's lock, so that any number of relays come to the same decisions."""

    def __init__(
        self, database: Database, catalogue: Catalogue, lateness: timedelta = LATENESS, holdout: float = 0.0
    ) -> None:
        """An event that arrives later than `lateness` after its journey should have begun starts nothing any more.

        `holdout` is the percent of people that all journeys keep out, to compare with.
        """
        self._database = database
        self._catalogue = catalogue
        self._lateness = lateness
        self.draw = Draw(database, catalogue, holdout)

    async def route(
        self, connection: AsyncConnection, person: Person, events: Sequence[Event], now: datetime
    ) -> list[Action]:
        """The actions that follow from these events, in order: ends first, then starts, then what running journeys wait for."""
        runs = await runs_of(connection, person.user_id)
        candidate = Candidate(person, now)
        actions: list[Action] = []
        for event in events:
            for listed in self._catalogue:
                actions += await self._end(connection, listed.journey, event, runs)
            if isinstance(event, Enrolled):
                actions += await self._enrolled(connection, event, person)
            for listed in self._catalogue if not isinstance(event, Enrolled) else ():
                if event.event_name in listed.journey.start_names:
                    actions += await self._start(connection, listed.journey, event, candidate, runs)
            for listed in self._catalogue:
                actions += self._inform(listed, event, runs)
        return _joined(actions)

    async def _end(
        self, connection: AsyncConnection, journey: Journey[Event], event: Event, runs: dict[Place, OpenRun]
    ) -> list[Action]:
        if event.event_name not in journey.goal_names:
            return []
        actions: list[Action] = []
        for run in [run for run in runs.values() if run.place.journey == journey.name]:
            # What the journey has looked back on when it began was a touch, whenever it is routed.
            is_early = run.begun_seq is None or event.seq <= run.begun_seq
            is_touch = is_early and journey.quiet is not None and event.event_name in journey.start_names
            if run.entry_seq >= event.seq or is_touch or not journey.is_goal(event, run.place.key):
                continue
            for entry in await entries_at(connection, run.place):
                if entry.state == "waiting" and entry.seq < event.seq:
                    await set_entry(connection, entry, "dropped", f"ended by {event.event_name} before it began")
            ending = replace(run, state="ending")
            if run.state != "ending":
                await set_ending(connection, run)
                reason = f"ended by {event.event_name} ({event.event_id})"
                await withdraw(connection, run.place, run.entry_id, reason)
            runs[run.place] = ending
            actions.append(Cancel(ending, event))
        return actions

    async def _start(
        self,
        connection: AsyncConnection,
        journey: Journey[Event],
        event: Event,
        candidate: Candidate,
        runs: dict[Place, OpenRun],
    ) -> list[Action]:
        now, user_id = candidate.now, candidate.person.user_id
        place = Place(journey.name, user_id, journey.key_of(event))
        if journey.one_per and not place.key:
            return []
        if await is_forged(connection, event, user_id):
            return []
        known = await entries_at(connection, place)
        for entry in known:
            if entry.event_id == event.event_id:
                # This event was routed before: a start that was not acknowledged is repeated.
                return [Start(entry, event, again=True)] if entry.state == "starting" else []
        run = runs.get(place)
        if await self._is_late(connection, journey, event, now):
            CLOCKS.labels("late").inc()
            return []
        if await self.objection(connection, journey, event, candidate, run, known) is not None:
            return []
        entry = Entry(place, event.event_id, event.seq, now, "starting" if run is None else "waiting")
        entry = await self.draw.of(connection, entry)
        await add_entry(self._database, connection, entry)
        if entry.state == "holdout":
            return []
        if run is not None:
            return [Verify(run)]
        runs[place] = await self.open(connection, journey, entry, event)
        return [Start(entry, event)]

    async def _is_late(self, connection: AsyncConnection, journey: Journey[Event], event: Event, now: datetime) -> bool:
        """Whether the event came so long after the fact that the journey would come out of the blue."""
        due_at = event.occurred_at + (journey.quiet or timedelta(0))
        if now - due_at <= self._lateness:
            return False
        # It may have come in time, and waited here: for Temporal, or for somebody to give it back to the relay.
        arrived_at = await arrival_of(connection, event.event_id)
        return arrived_at is None or arrived_at - due_at > self._lateness

    async def objection(
        self,
        connection: AsyncConnection,
        journey: Journey[Event],
        event: Event,
        candidate: Candidate,
        run: OpenRun | None,
        known: Sequence[Entry],
    ) -> str | None:
        """Why this event opens no pass at the place where `run` and the entries `known` are; None if it does."""
        now = candidate.now
        if run is not None and run.state == "open" and run.begun_seq is None and run.due_at + OVERDUE > now:
            return "is in it"  # A touch: stored is enough, the journey looks for it when it wakes.
        earlier = [entry for entry in known if entry.state != "dropped"]
        if any(entry.state == "waiting" for entry in earlier):
            return "is in it"
        if not self._permits(journey, earlier, event, now):
            return "has been let in before"
        if not await candidate.may_enter(connection, journey, event):
            return "does not meet its condition"
        place = Place(journey.name, candidate.person.user_id, journey.key_of(event))
        if await self.overtaken_by(connection, journey, place, event):
            return "has reached its goal since"
        return None

    async def _enrolled(self, connection: AsyncConnection, event: Enrolled, person: Person) -> list[Action]:
        """The starts that an enrolment has decided on, which nobody may have made yet."""
        entries = await entries_into(connection, event.journey, person.user_id)
        starting = {entry.seq: entry for entry in entries if entry.state == "starting"}
        return [Start(starting[found.seq], found, again=True) for found in await read_events(connection, starting)]

    async def open(self, connection: AsyncConnection, journey: Journey[Event], entry: Entry, event: Event) -> OpenRun:
        """Note a run as open before it is started, so that no event can pass it by."""
        begun = None if journey.quiet else event.seq
        due_at = event.occurred_at + journey.quiet if journey.quiet else entry.entered_at
        run = OpenRun(entry.place, entry.event_id, entry.seq, None, "open", begun, due_at)
        await put_run(self._database, connection, run)
        return run

    async def resume(self, connection: AsyncConnection, person: Person, entry: Entry, now: datetime) -> Start | None:
        """Open the run of an entry that has waited for the one before to close, if nothing speaks against it by now.

        Where the condition throws, the relay takes the event as one that nobody can route.
        """
        journey = self._catalogue[entry.place.journey].journey
        found = await read_events(connection, [entry.seq])
        try:
            is_wanted = bool(found) and await Candidate(person, now).may_enter(connection, journey, found[0])
        except DATABASE:
            raise
        except Exception as error:
            log.warning("a condition throws at an entry that waits; the relay tries it", problem=problem_of(error))
            await leave_to_relay(self._database, connection, entry)
            return None
        if not is_wanted:
            await set_entry(connection, entry, "dropped", "the condition to enter no longer held")
            return None
        await set_entry(connection, entry, "starting")
        await self.open(connection, journey, entry, found[0])
        return Start(entry, found[0])

    async def missed(self, connection: AsyncConnection, entry: Entry) -> list[Event]:
        """What the run of an entry that has waited should have heard meanwhile, up to the goal that will end it.

        None of it was told to the run before, which was ending by then. What is still to be routed is told twice; a run
        takes each event once.
        """
        listed = self._catalogue[entry.place.journey]
        journey, found = listed.journey, list[Event]()
        if journey.quiet is not None:
            return found  # It has not begun, and looks for itself when it does.
        names = listed.wait_names | journey.goal_names
        async for event in accepted_after(connection, entry.place.user_id, names, since=entry.seq):
            if journey.is_goal(event, entry.place.key):
                break
            if event.event_name in listed.wait_names and event.key(journey.one_per) in (None, entry.place.key):
                found.append(event)
        return found

    def _inform(self, listed: Listed, event: Event, runs: dict[Place, OpenRun]) -> list[Action]:
        if event.event_name not in listed.wait_names:
            return []
        key = event.key(listed.journey.one_per)
        return [
            Inform(run, (event,))
            for run in runs.values()
            if run.place.journey == listed.journey.name
            and run.state == "open"
            and run.begun_seq is not None
            and event.seq > run.begun_seq
            and key in (None, run.place.key)
        ]

    def _permits(self, journey: Journey[Event], earlier: Sequence[Entry], event: Event, now: datetime) -> bool:
        match journey.again.rule:
            case "never":
                return not earlier
            case "after":
                return not earlier or now - earlier[-1].entered_at >= journey.again.wait
            case "always":
                return not earlier or earlier[-1].state != "holdout" or now - earlier[-1].entered_at >= HELD_OUT

    async def overtaken_by(
        self, connection: AsyncConnection, journey: Journey[Event], place: Place, event: Event
    ) -> Event | None:
        """A goal of this event's run that has come already, so that there is nothing to start.

        Either it happened after this event, which then arrived too late to matter: what was accepted first decides
        everywhere else, here the order of acceptance is known to be the wrong one. Or it was accepted later and yet routed
        before, because this event was set aside or belonged to nobody until now.
        """
        touches = journey.start_names if journey.quiet else frozenset[str]()
        goals = journey.goal_names - touches
        async for found in accepted_after(connection, place.user_id, goals, since=event.seq, routed=True):
            if journey.is_goal(found, place.key):
                return found
        async for found in newest_first(connection, place.user_id, goals, since=0):
            if found.occurred_at <= event.occurred_at:
                return None
            if found.seq < event.seq and journey.is_goal(found, place.key):
                return found
        return None


def _joined(actions: Sequence[Action]) -> list[Action]:
    """The same actions with neighbouring signals to one run made into one."""
    joined: list[Action] = []
    for action in actions:
        last = joined[-1] if joined else None
        if (
            isinstance(action, Inform)
            and isinstance(last, Inform)
            and last.run.place == action.run.place
            and len(last.events) < TOGETHER
        ):
            joined[-1] = replace(last, events=last.events + action.events)
        else:
            joined.append(action)
    return joined
