"""Who a person is by everything that is committed: their row, what they did by their events, and where they stand among all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Event
from profiles.person import Person
from profiles.scores import Population
from workflows.definition import Journey
from workflows.profile import Did, Profile

from .facts import KINDS
from .population import population_of
from .prepared import Prepared, among
from .tables import events

WINDOWS = {"week": timedelta(days=7), "month": timedelta(days=30), "quarter": timedelta(days=90)}

# All of it stands in the index events_of_person: no event is read for it.
HISTORY = Prepared(
    lambda dialect: (
        select(
            events.c.user_id,
            events.c.name,
            func.count(),
            *(
                func.count().filter(events.c.occurred_at > bindparam(window, type_=events.c.occurred_at.type))
                for window in WINDOWS
            ),
            func.max(events.c.occurred_at),
        )
        .where(among(events.c.user_id, "users", dialect))
        .group_by(events.c.user_id, events.c.name)
    )
)


async def behaviour_of(connection: AsyncConnection, users: Collection[str], now: datetime) -> dict[str, list[Did]]:
    """What each of these persons did up to now, by the name of the event; names that we do not know may hold anything."""
    found: dict[str, list[Did]] = {user: [] for user in users}
    since = {window: now - duration for window, duration in WINDOWS.items()}
    for user, name, count, week, month, quarter, last_at in await HISTORY.rows(
        connection, users=sorted(users), **since
    ):
        if name in KINDS:
            found[user].append(Did(event=name, count=count, week=week, month=month, quarter=quarter, last_at=last_at))
    return found


async def profile_of(connection: AsyncConnection, person: Person, now: datetime) -> Profile:
    """The person as conditions and segments know them, by everything that is committed."""
    return (await profiles_of(connection, [person], now, await population_of(connection)))[0]


async def profiles_of(
    connection: AsyncConnection, people: Sequence[Person], now: datetime, population: Population
) -> list[Profile]:
    """The same for several persons, in their order."""
    behaviour = await behaviour_of(connection, [person.user_id for person in people], now)
    return [
        person.profile(now, behaviour=behaviour[person.user_id], population=population, traits=None)
        for person in people
    ]


@dataclass
class Candidate:
    """A person at one moment, before the doors of journeys; their profile is read once, for the first condition that asks."""

    person: Person
    now: datetime
    _profile: Profile | None = None

    async def may_enter(self, connection: AsyncConnection, journey: Journey[Event], event: Event) -> bool:
        """Whether the journey's condition lets this person enter with this event; its errors pass through."""
        if self._profile is None:
            # Without a condition nobody looks at it.
            if journey.where is None:
                return journey.enters(event, self.person.profile(self.now))
            self._profile = await profile_of(connection, self.person, self.now)
        return journey.enters(event, self._profile)
