"""How far an enrolment of existing people has come, and what became of them so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import enrolments, events, people, routing

AT = select(enrolments).where(enrolments.c.id == bindparam("of_id"))
UNFINISHED = (
    select(enrolments)
    .where(
        enrolments.c.journey == bindparam("of_journey"),
        enrolments.c.segment == bindparam("of_segment"),
        enrolments.c.finished_at.is_(None),
    )
    .order_by(enrolments.c.started_at.desc())
    .limit(1)
)
MOVE = update(enrolments).where(
    enrolments.c.id == bindparam("of_id"),
    enrolments.c.cursor == bindparam("from_cursor"),
    enrolments.c.finished_at.is_(None),
)
KNOWN = select(func.count()).where(people.c.created_at <= bindparam("known_at"))
NEWEST_SEQ = (
    select(events.c.seq)
    .where(events.c.user_id == bindparam("user"), events.c.name.in_(bindparam("names", expanding=True)))
    .order_by(events.c.occurred_at.desc(), events.c.seq.desc())
    .limit(1)
)
_due = (
    select(literal(1).label("one"))
    .select_from(routing)
    .where(or_(routing.c.not_before.is_(None), routing.c.not_before <= bindparam("now")))
    .limit(bindparam("most"))
    .subquery()
)
AHEAD = select(func.count()).select_from(_due)


@dataclass(frozen=True)
class Enrolment:
    """People of a segment let into a journey. Everybody whose id is not beyond `cursor` has been looked at."""

    id: str
    journey: str
    segment: str
    started_at: datetime
    cursor: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    finished_at: datetime | None = None

    def moved(self, cursor: str, counts: Counter[str]) -> Enrolment:
        """The same after these outcomes more."""
        return replace(self, cursor=cursor, counts=self.counts + counts)


async def enrolment_at(connection: AsyncConnection, enrolment_id: str) -> Enrolment | None:
    """The enrolment of that id."""
    row = (await connection.execute(AT, {"of_id": enrolment_id})).first()
    return None if row is None else _enrolment(row)


async def unfinished(connection: AsyncConnection, journey: str, segment: str) -> Enrolment | None:
    """The newest enrolment of this segment into this journey that has not come to its end."""
    row = (await connection.execute(UNFINISHED, {"of_journey": journey, "of_segment": segment})).first()
    return None if row is None else _enrolment(row)


async def add_enrolment(connection: AsyncConnection, enrolment: Enrolment) -> None:
    """Begin an enrolment."""
    values = {**vars(enrolment), "counts": dict(enrolment.counts), "moved_at": enrolment.started_at}
    await connection.execute(insert(enrolments).values(values))


async def move_enrolment(
    connection: AsyncConnection, before: Enrolment, after: Enrolment, now: datetime, *, finished: bool = False
) -> bool:
    """Note how far it has come; False if another process has moved it on meanwhile."""
    values: dict[str, Any] = {"cursor": after.cursor, "counts": dict(after.counts), "moved_at": now}
    if finished:
        values["finished_at"] = now
    moved = await connection.execute(MOVE.values(values), {"of_id": before.id, "from_cursor": before.cursor})
    return bool(moved.rowcount)


async def count_known(connection: AsyncConnection, known_at: datetime) -> int:
    """How many people were known at that time."""
    return await connection.scalar(KNOWN, {"known_at": known_at}) or 0


async def newest_seq(connection: AsyncConnection, user_id: str, names: list[str]) -> int | None:
    """The place of the person's newest event of these names, by the time it happened."""
    seq: int | None = await connection.scalar(NEWEST_SEQ, {"user": user_id, "names": names})
    return seq


async def ahead(connection: AsyncConnection, now: datetime, most: int) -> int:
    """How many events wait for the relay and may be routed now, counted up to `most`."""
    return await connection.scalar(AHEAD, {"now": now, "most": most}) or 0


def _enrolment(row: Row[Any]) -> Enrolment:
    values = row._asdict()
    del values["moved_at"]
    return Enrolment(**values | {"counts": Counter(row.counts)})
