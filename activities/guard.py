"""Whether a journey may act at this moment: the quiet it waits for, and the goal that ends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from events import Event
from profiles.person import Person
from storage.database import Database
from storage.facts import newest_first
from storage.profiles import Candidate
from storage.runs import OpenRun, Place, drop_entry, drop_touches, last_seq, put_run, run_at
from workflows.definition import Journey
from workflows.inbox import written
from workflows.requests import Answer, Pass

EARLY = timedelta(seconds=10)
"""How much sooner than due a run may wake and still count as on time: the clocks of two machines differ."""


@dataclass(frozen=True)
class Moments:
    """The two clocks of an activity; never compared with each other."""

    journey: datetime
    machine: datetime


class Guard:
    """Judges inside the transaction that holds the person's lock, so that a goal committed before the claim wins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def admit(
        self, connection: AsyncConnection, journey: Journey[Event], walk: Pass, person: Person, now: datetime
    ) -> Answer | None:
        """Whether the journey may act at all: None, or `not_quiet` or `ended` with the reason. Notes that it has begun."""
        place = Place(walk.journey, walk.user, walk.key)
        if (goal := await self._goal(connection, journey, walk)) is not None:
            return Answer(status="ended", reason=f"ended by {goal.event_name} ({goal.event_id})")
        if walk.quiet and journey.quiet is not None:
            newest = await self._newest_start(connection, journey, walk)
            due_at = (newest.occurred_at if newest else now) + journey.quiet
            # Whatever wakes a delayed run early, an update for one, does not end the quiet.
            is_early = newest is not None and due_at - now > EARLY and not walk.skips_quiet
            if newest is not None and (newest.event_id != walk.event or is_early):
                await self._note(connection, walk, place, due_at)
                await drop_touches(connection, place, newest.seq)
                return Answer(status="not_quiet", until=due_at, event=written(newest))
            if newest is not None and not await Candidate(person, now).may_enter(connection, journey, newest):
                # Nothing was sent: the next event that fits may enter, whatever `again` says.
                await drop_entry(connection, place, walk.entry, "the condition to enter no longer held")
                return Answer(status="ended", reason="ended: the condition to enter no longer holds")
            await drop_touches(connection, place, walk.event_seq)
        await self._note(connection, walk, place, now, begun=True)
        return None

    async def _newest_start(self, connection: AsyncConnection, journey: Journey[Event], walk: Pass) -> Event | None:
        """The newest start event of this key from the one on that the journey would begin with."""
        async for event in newest_first(connection, walk.user, journey.start_names, since=walk.event_seq - 1):
            if journey.key_of(event) == walk.key:
                return event
        return None

    async def _goal(self, connection: AsyncConnection, journey: Journey[Event], walk: Pass) -> Event | None:
        touches = journey.start_names if journey.quiet else frozenset[str]()
        looked_for = [(journey.goal_names - touches, walk.entry_seq)]
        if not walk.quiet and (own := journey.goal_names & touches):
            # What starts a quiet phase prolongs it until the journey has begun; only then can it be a goal.
            looked_for.append((own, await self._begun_at(connection, walk)))
        for names, since in looked_for:
            if names:
                async for event in newest_first(connection, walk.user, names, since=since):
                    if journey.is_goal(event, walk.key):
                        return event
        return None

    async def _begun_at(self, connection: AsyncConnection, walk: Pass) -> int:
        """The person's newest event when the journey began; some that came late may have happened before its first."""
        run = await run_at(connection, Place(walk.journey, walk.user, walk.key))
        if run is None or run.entry_id != walk.entry or run.begun_seq is None:
            return walk.event_seq
        return run.begun_seq

    async def _note(
        self, connection: AsyncConnection, walk: Pass, place: Place, due_at: datetime, *, begun: bool = False
    ) -> None:
        """Keep the row of the open run true: it exists, under the run id that a cancel can reach, and it has begun."""
        known = await run_at(connection, place)
        if known is None or known.entry_id != walk.entry or known.first_run_id != walk.first_run:
            seq = known.begun_seq if known and known.entry_id == walk.entry else None
            known = OpenRun(place, walk.entry, walk.entry_seq, walk.first_run, "open", seq, due_at)
        elif begun and known.begun_seq is not None:
            return
        if begun and known.begun_seq is None:
            known = replace(known, begun_seq=await last_seq(connection, walk.user))
        await put_run(self._database, connection, replace(known, due_at=due_at))
