"""What a journey as it is now would have sent to real people in days that are over, beside what was sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Context
from ingestion.incoming import DERIVED, Incoming
from ingestion.segment import RESERVED
from profiles.person import Person
from storage.assignments import assignments_of
from storage.database import Database
from storage.ledger import sends_of_person
from storage.people import read_person
from storage.tables import entries, events, sends
from workflows.definition import Journey

from .house import House
from .persona import Persona
from .scene import Scene

ALIKE = timedelta(minutes=5)
"""Messages that are not further apart went at the same time."""
DERIVED_NAMES = RESERVED - {"Identified"}
"""Events that follow from others, and follow again."""


@dataclass(frozen=True)
class Message:
    """One that was sent, or would be."""

    user: str
    channel: str
    template: str
    at: datetime

    @property
    def what(self) -> str:
        return f"{self.channel} {self.template}"


@dataclass
class Difference:
    """What was sent beside what would be. `moved` are pairs: as it was, as it would be."""

    journey: str
    people: int = 0
    left_out: int = 0
    """People who would have been looked at, had there not been so many."""
    same: list[Message] = field(default_factory=list)
    moved: list[tuple[Message, Message]] = field(default_factory=list)
    gone: list[Message] = field(default_factory=list)
    new: list[Message] = field(default_factory=list)

    def compare(self, before: Sequence[Message], now: Sequence[Message]) -> None:
        """Add what one person got, and would get."""
        left = sorted(now, key=lambda each: each.at)
        unmatched: list[Message] = []
        for was in sorted(before, key=lambda each: each.at):
            twin = next((each for each in left if each.what == was.what and abs(each.at - was.at) <= ALIKE), None)
            if twin is None:
                unmatched.append(was)
            else:
                self.same.append(was)
                left.remove(twin)
        for was in unmatched:
            twin = next((each for each in left if each.what == was.what), None)
            if twin is None:
                self.gone.append(was)
            else:
                self.moved.append((was, twin))
                left.remove(twin)
        self.new += left


async def replay(
    shop: Database,
    house: House,
    journey: str,
    start: datetime,
    end: datetime,
    *,
    most: int,
    show: Callable[[int, int], None] = lambda done, of: None,
) -> Difference:
    """Let the stored events of everybody concerned happen again in the house, and compare the messages of these days.

    Concerned is who was sent something by the journey then, entered it then, or did then what would begin it. The shop is
    only read. Of people as they are known now everything is taken over but what their events tell.
    """
    found = Difference(journey)
    listed = house.catalogue[journey].journey
    async with shop.read() as connection:
        everybody = _concerned(listed, start, end).subquery()
        count = int((await connection.execute(select(func.count()).select_from(everybody))).scalar_one())
        query = select(everybody.c.user_id).order_by(everybody.c.user_id).limit(most)
        users = list((await connection.execute(query)).scalars())
    found.left_out = count - len(users)
    for number, user in enumerate(users, 1):
        async with shop.read() as connection:
            scene, rows = await _scene(connection, house, user, end)
            ledger = await sends_of_person(connection, user)
        before = [_message(line) for line in ledger if line.journey == journey and line.status == "accepted"]
        await _happen(scene, rows, end)
        now = [_message(line) for line in await scene.ledger() if line.journey == journey and line.status == "accepted"]
        found.compare(
            [each for each in before if start <= each.at < end], [each for each in now if start <= each.at < end]
        )
        found.people = number
        show(number, len(users))
    return found


def _concerned(journey: Journey[Any], start: datetime, end: datetime) -> Select[Any]:
    quiet = journey.quiet or timedelta(0)
    sent = select(sends.c.user_id).where(
        sends.c.journey == journey.name, sends.c.status == "accepted", sends.c.at >= start, sends.c.at < end
    )
    entered = select(entries.c.user_id).where(
        entries.c.journey == journey.name, entries.c.entered_at >= start, entries.c.entered_at < end
    )
    began = select(events.c.user_id).where(
        events.c.name.in_(sorted(journey.start_names)),
        events.c.occurred_at >= start - quiet,
        events.c.occurred_at < end - quiet,
        events.c.user_id.is_not(None),
    )
    held = select(entries.c.user_id).where(entries.c.journey == journey.name, entries.c.state == "holdout")
    everybody = union(sent, entered, began).subquery()
    return select(everybody.c.user_id).where(everybody.c.user_id.not_in(held))


async def _scene(
    connection: AsyncConnection, house: House, user: str, end: datetime
) -> tuple[Scene, Sequence[Row[Any]]]:
    query = select(events).where(events.c.user_id == user, events.c.received_at < end).order_by(events.c.seq)
    rows = (await connection.execute(query)).all()
    person = await read_person(connection, user) or Person(user, end)
    scene = Scene(
        house, Persona(user, zone=person.believed_zone or "UTC"), user, await assignments_of(connection, user)
    )
    scene.now = min((row.received_at for row in rows), default=end)
    known = Person(
        user,
        scene.now,
        traits=person.traits,
        zone=person.zone,
        country=person.country,
        language=person.language,
        tokens=person.tokens,
    )
    await scene.is_known(known)
    return scene, rows


async def _happen(scene: Scene, rows: Sequence[Row[Any]], end: datetime) -> None:
    contexts = scene.house.acceptor.contexts
    for row in rows:
        if row.name in DERIVED_NAMES or DERIVED.search(row.event_id):
            continue
        await scene.until(row.received_at)
        contexts[row.event_id] = Context.model_validate(row.context)
        message = Incoming(
            event_id=row.event_id,
            name=row.name,
            occurred_at=row.occurred_at,
            received_at=row.received_at,
            user_id=scene.user,
            anonymous_id=None,
            properties=row.properties,
        )
        await scene.takes(message)
        del contexts[row.event_id]
    await scene.until(end)


def _message(line: Any) -> Message:
    return Message(line.user_id, line.channel or "", line.template or "", line.at)
