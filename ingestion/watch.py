"""Who has just come into a segment that a journey starts on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from events import Event, SegmentEntered
from profiles.person import Person
from profiles.scores import Population
from profiles.segments import watched_by
from storage.acceptance import add_events, add_routes
from storage.database import Database
from storage.memberships import Membership, memberships_of, put_memberships, times_inside, watched_now
from storage.population import population_of
from storage.profiles import profiles_of
from workflows.catalogue import Catalogue


class Watch:
    """Compares who is inside now with who was when last judged; whoever has come into a segment gets an event that says so."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self.segments = watched_by(catalogue)
        self._names = frozenset[str]().union(*(each.on for each in self.segments.values()))

    async def after(
        self, connection: AsyncConnection, person: Person, events: Sequence[Event], now: datetime
    ) -> list[str]:
        """Judge a person, whose lock is held, after what they did, if that can bring them into a segment."""
        if not any(event.event_name in self._names for event in events):
            return []
        return await self.judge(connection, [person], now)

    async def changes(
        self, connection: AsyncConnection, people: Sequence[Person], now: datetime, population: Population | None = None
    ) -> list[Membership]:
        """What is other than when these persons were last judged; who is outside and never was inside is not noted."""
        measure = await population_of(connection) if population is None else population
        profiles = await profiles_of(connection, people, now, measure)
        known = await memberships_of(connection, [person.user_id for person in people])
        found = []
        for person, profile in zip(people, profiles, strict=True):
            for name, segment in self.segments.items():
                before = known.get((person.user_id, name)) or Membership(person.user_id, name, 0, now, inside=False)
                if (is_inside := segment.judge(profile, now)) is not None and is_inside != before.inside:
                    found.append(replace(before, at=now, inside=not before.inside))
        return found

    async def judge(
        self, connection: AsyncConnection, people: Sequence[Person], now: datetime, population: Population | None = None
    ) -> list[str]:
        """Note it, and store an event for each that has come in; returns whom these are of. Their locks are held."""
        changed = await self.changes(connection, people, now, population)
        if not changed:
            return []
        watched, by_id = await watched_now(connection), {person.user_id: person for person in people}
        noted, fresh = [], []
        for each in changed:
            known = watched.get(each.segment)
            is_new = known is not None and (known.judged_at is not None or by_id[each.user_id].created_at > known.since)
            if each.inside and is_new:
                each = replace(each, times=each.times + 1)
                fresh.append(each)
            noted.append(each)
        await put_memberships(self._database, connection, noted)
        seqs = await add_events(connection, [_row(each, now) for each in fresh])
        users = [each.user_id for each in fresh]
        await add_routes(self._database, connection, zip(seqs, users, strict=True))
        return users


async def is_forged(connection: AsyncConnection, event: Event, user_id: str) -> bool:
    """Whether an event that says somebody has come into a segment is not ours: a client may send one of that name."""
    if not isinstance(event, SegmentEntered):
        return False
    times = await times_inside(connection, user_id, event.segment)
    ours = (Membership(user_id, event.segment, number, event.occurred_at, True) for number in range(1, times + 1))
    return all(event.event_id != each.event_id for each in ours)


def _row(membership: Membership, now: datetime) -> dict[str, object]:
    return {
        "event_id": membership.event_id,
        "digest": "",
        "user_id": membership.user_id,
        "anonymous_id": None,
        "name": SegmentEntered.event_name,
        "occurred_at": now,
        "received_at": now,
        "properties": {"segment": membership.segment},
        "context": {},
    }
