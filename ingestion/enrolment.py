"""How existing people are let into a journey: page by page, each page once, no faster than wanted."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from errors import SettingsError
from events import Context, Enrolled, Event, Location
from profiles.person import Person
from profiles.segments import SEGMENTS
from storage.acceptance import add_events, add_routes
from storage.database import Database
from storage.enrolments import Enrolment, ahead, move_enrolment, newest_seq
from storage.facts import read_events
from storage.people import lock_known, people_after
from storage.population import population_of
from storage.profiles import Candidate, profiles_of
from storage.runs import Entry, OpenRun, Place, add_entry, entries_at, run_at
from workflows.catalogue import Catalogue
from workflows.definition import Journey

from .router import Router

EVERYBODY = "everybody"
PAGE = 500
"""How many people are read together."""
GROUP = 50
"""How many are let in by one transaction, at most: a person's lock, on SQLite everybody's, is held for that long."""
AHEAD = 100
"""How many events may wait for the relay before nobody more is let in: those of live people go first."""
LOOK = 0.2
"""Seconds between two looks whether the relay has come so far."""
PATIENCE = 25
"""How many of these looks until we say that we wait."""
ENTERED = "entered"
OUTSIDE = "not in the segment"
HELD_OUT = "held out, to compare with"
NOT_YET = 2**62
"""The place of an event that is not stored yet: after every other."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Group:
    """So many people in the order of their ids, up to `last`; `members` of them are in the segment."""

    members: list[Person]
    last: str
    people: int


@dataclass(frozen=True)
class Opening:
    """What one person enters with."""

    person: Person
    event: Event
    run: OpenRun | None


class Enroller:
    """Lets the people of one segment into one journey. It never speaks to Temporal: the relay does, as for any event."""

    def __init__(
        self, database: Database, catalogue: Catalogue, journey: str, segment: str, *, rate: float, holdout: float = 0.0
    ) -> None:
        """`rate` is how many people may enter in a second, `holdout` the percent that all journeys keep out.

        Raises JourneymanError for a name that nothing has.
        """
        self._database = database
        self._router = Router(database, catalogue, holdout=holdout)
        self._journey: Journey[Event] = catalogue[journey].journey
        if segment not in (EVERYBODY, *SEGMENTS):
            known = ", ".join([EVERYBODY, *sorted(SEGMENTS)])
            raise SettingsError(f"There is no segment named {segment}; there are: {known}.")
        self._segment = segment
        self._rate = rate
        self._group = max(1, min(GROUP, round(rate / 2)))
        self._due = time.monotonic()

    @property
    def by_itself(self) -> bool:
        """Whether the enrolment is what starts the journey, and not an event of the person's own."""
        return Enrolled.event_name in self._journey.start_names

    async def enrol(self, enrolment: Enrolment) -> AsyncGenerator[Enrolment, None]:
        """Go on from where it stands to its end; yields after each transaction, the last one with `finished_at`."""
        async for page in self._pages(enrolment):
            for group in _groups(page, await self._members(page), self._group):
                if group.members:
                    await self._turn()
                began = time.monotonic()
                enrolment = await self._let_in(enrolment, group)
                # No more than half of the time is ours: on SQLite nobody else can write meanwhile.
                await asyncio.sleep(time.monotonic() - began)
                yield enrolment
        async with self._database.write() as connection:
            now = datetime.now(UTC)
            await self._move(connection, enrolment, enrolment, now, finished=True)
        yield Enrolment(**vars(enrolment) | {"finished_at": now})

    async def rehearse(self, enrolment: Enrolment) -> AsyncGenerator[Enrolment, None]:
        """The same counts for the people as they are now, without changing anything."""
        async for page in self._pages(enrolment):
            now, counts = datetime.now(UTC), Counter[str]()
            members = await self._members(page)
            async with self._database.read() as connection:
                for person in members:
                    opening = await self._opening(connection, enrolment, person, now)
                    counts[ENTERED if isinstance(opening, Opening) else opening] += 1
            counts[OUTSIDE] = len(page) - counts.total()
            enrolment = enrolment.moved(page[-1].user_id, counts)
            yield enrolment
            await asyncio.sleep(0)

    async def _pages(self, enrolment: Enrolment) -> AsyncIterator[list[Person]]:
        """Everybody who was known when it began, in the order of their ids, after those who were looked at."""
        cursor = enrolment.cursor
        while True:
            async with self._database.read() as connection:
                page = await people_after(connection, cursor, enrolment.started_at, PAGE)
            if not page:
                return
            yield page
            cursor = page[-1].user_id

    async def _members(self, people: Sequence[Person]) -> list[Person]:
        async with self._database.read() as connection:
            return await self._inside(connection, people, datetime.now(UTC))

    async def _inside(self, connection: AsyncConnection, people: Sequence[Person], now: datetime) -> list[Person]:
        if self._segment == EVERYBODY:
            return [*people]
        profiles = await profiles_of(connection, people, now, await population_of(connection))
        return [person for person, each in zip(people, profiles, strict=True) if self._segment in each.segments]

    async def _turn(self) -> None:
        """Wait until the rate, and what waits for the relay, allow the next ones."""
        await asyncio.sleep(max(self._due - time.monotonic(), 0))
        for look in itertools.count(1):
            async with self._database.read() as connection:
                if await ahead(connection, datetime.now(UTC), AHEAD) < AHEAD:
                    return
            if look == PATIENCE:
                log.warning("nobody enters while so much waits for the relay; is `starter.py run` or `serve` up?")
            await asyncio.sleep(LOOK)

    async def _let_in(self, enrolment: Enrolment, group: Group) -> Enrolment:
        """One transaction: the group's members, each under their lock, and that everybody up to its last has been looked at."""
        counts, openings = Counter[str](), list[Opening]()
        async with self._database.write() as connection:
            now = datetime.now(UTC)
            people = await lock_known(self._database, connection, [person.user_id for person in group.members])
            for person in await self._inside(connection, [*people.values()], now):  # All were, a moment ago.
                opening = await self._opening(connection, enrolment, person, now)
                if isinstance(opening, Opening):
                    openings.append(opening)
                counts[ENTERED if isinstance(opening, Opening) else opening] += 1
            held = await self._enter(connection, enrolment, openings, now)
            counts += Counter({ENTERED: -held, HELD_OUT: held})
            counts[OUTSIDE] = group.people - counts.total()
            after = enrolment.moved(group.last, counts)
            await self._move(connection, enrolment, after, now)
        self._due = max(self._due, time.monotonic()) + len(openings) / self._rate
        return after

    async def _move(
        self, connection: AsyncConnection, before: Enrolment, after: Enrolment, now: datetime, *, finished: bool = False
    ) -> None:
        if not await move_enrolment(connection, before, after, now, finished=finished):
            raise SettingsError(f"Another process goes on with the enrolment {before.id}; nothing was done twice.")

    async def _opening(
        self, connection: AsyncConnection, enrolment: Enrolment, person: Person, now: datetime
    ) -> Opening | str:
        """What this person enters with now, or why they do not."""
        journey, event = self._journey, await self._event(connection, enrolment, person, now)
        if event is None:
            return f"has never: {' or '.join(sorted(journey.start_names)[:3])}"
        place = Place(journey.name, person.user_id, journey.key_of(event))
        if journey.one_per and not place.key:
            return f"the event has no {journey.one_per}"
        known, run = await entries_at(connection, place), await run_at(connection, place)
        if any(entry.event_id == event.event_id for entry in known):
            return "has been let in before"
        reason = await self._router.objection(connection, journey, event, Candidate(person, now), run, known)
        return reason or Opening(person, event, run)

    async def _event(
        self, connection: AsyncConnection, enrolment: Enrolment, person: Person, now: datetime
    ) -> Event | None:
        if self.by_itself:
            return _enrolled(enrolment, person, now)
        seq = await newest_seq(connection, person.user_id, sorted(self._journey.start_names))
        found = [] if seq is None else await read_events(connection, [seq])
        return found[0] if found else None

    async def _enter(
        self, connection: AsyncConnection, enrolment: Enrolment, openings: Sequence[Opening], now: datetime
    ) -> int:
        """Store that they were enrolled, and their entries; the relay finds the first, and starts the second.

        Returns how many are held out.
        """
        held = 0
        marks = [_enrolled(enrolment, opening.person, now) for opening in openings]
        people = [opening.person for opening in openings]
        seqs = await add_events(connection, [_row(mark, who) for mark, who in zip(marks, people, strict=True)])
        for opening, mark, seq in zip(openings, marks, seqs, strict=True):
            event = mark.model_copy(update={"seq": seq}) if self.by_itself else opening.event
            place = Place(self._journey.name, opening.person.user_id, self._journey.key_of(event))
            entry = Entry(place, event.event_id, event.seq, now, "starting" if opening.run is None else "waiting")
            entry = await self._router.draw.of(connection, entry)
            await add_entry(self._database, connection, entry)
            held += entry.state == "holdout"
            if entry.state == "starting":
                await self._router.open(connection, self._journey, entry, event)
        routes = [(seq, person.user_id) for seq, person in zip(seqs, people, strict=True)]
        await add_routes(self._database, connection, routes)
        return held


def _groups(page: Sequence[Person], members: Sequence[Person], most: int) -> Iterator[Group]:
    """A page in groups of at most so many members; the last one goes to the page's end."""
    places = {person.user_id: place for place, person in enumerate(page, 1)}
    done = 0
    for start in range(0, max(len(members), 1), most):
        group = list(members[start : start + most])
        end = len(page) if start + most >= len(members) else places[group[-1].user_id]
        yield Group(group, page[end - 1].user_id, end - done)
        done = end


def _enrolled(enrolment: Enrolment, person: Person, now: datetime) -> Enrolled:
    """What is stored of it, once for ever: the id is that of the enrolment and the person."""
    location = Location(country=person.country)
    if zone := person.believed_zone:
        location = Location(country=person.country, zone=zone, zone_source="profile" if person.zone else "event")
    return Enrolled(
        event_id=f"enrolled-{enrolment.id}-{hashlib.sha256(person.user_id.encode()).hexdigest()[:32]}",
        occurred_at=now,
        seq=NOT_YET,
        context=Context(location=location),
        journey=enrolment.journey,
        segment=enrolment.segment,
    )


def _row(event: Enrolled, person: Person) -> dict[str, object]:
    return {
        "event_id": event.event_id,
        "digest": "",
        "user_id": person.user_id,
        "anonymous_id": None,
        "name": event.event_name,
        "occurred_at": event.occurred_at,
        "received_at": event.occurred_at,
        "properties": {"journey": event.journey, "segment": event.segment},
        "context": event.context.model_dump(mode="json", exclude_defaults=True),
    }
