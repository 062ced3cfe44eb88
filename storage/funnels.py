"""How far people came in each journey: entered, and then sent something, told of it, and at its goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import CTE

from events import InAppClicked

from .tables import deliveries, entries, events, outbox, sends
from .told import later, listed, told

WENT = sends.c.status == "accepted"
IN_APP = sends.c.channel == "in_app"


def flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """1 where it holds, 0 elsewhere; both databases count with it."""
    return case((condition, 1), else_=0)


def _told(*words: str) -> ColumnElement[bool]:
    """Whether a provider's webhook has said one of these of a message, and no machine was the reader."""
    return and_(deliveries.c.event.in_(words), deliveries.c.by_machine.is_(False))


_CLICK = exists().where(
    events.c.user_id == sends.c.user_id,
    events.c.name == InAppClicked.event_name,
    told("send_key") == sends.c.send_key,
)
CLICKED_HERE = and_(IN_APP, _CLICK)
READ_HERE = and_(IN_APP, outbox.c.read_at.is_not(None))
DELIVERED = flag(and_(WENT, deliveries.c.event.in_(("delivered", "open", "click")) | IN_APP))
OPENED = flag(and_(WENT, _told("open", "click") | READ_HERE | CLICKED_HERE))
CLICKED = flag(and_(WENT, _told("click") | CLICKED_HERE))
LETTERS = sends.outerjoin(deliveries, deliveries.c.send_key == sends.c.send_key).outerjoin(
    outbox, and_(outbox.c.send_key == sends.c.send_key, IN_APP)
)
"""Messages with all that is known of what became of them; several rows for one where several things are."""


@dataclass(frozen=True)
class Funnel:
    """Numbers of people, each once in a journey."""

    journey: str
    entered: int
    held: int
    sent: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    reached: int = 0


async def funnels(
    connection: AsyncConnection, start: datetime, end: datetime, window: timedelta, goals: Mapping[str, frozenset[str]]
) -> list[Funnel]:
    """Of the people who entered in these dates, and what came of it until now; `goals` are wire names by journey."""
    people = _people(start, end)
    far = _far(people, start)
    reached = flag(_reached(far, window, goals)) if any(goals.values()) else flag(far.c.journey.is_(None))
    steps = select(
        far.c.journey,
        *(func.sum(far.c[name]).label(name) for name in ("sent", "delivered", "opened", "clicked")),
        func.sum(case((far.c.sent == 1, reached), else_=0)).label("reached"),
    ).group_by(far.c.journey)
    counts = select(
        people.c.journey, func.sum(people.c.let_in).label("entered"), func.sum(1 - people.c.let_in).label("held")
    ).group_by(people.c.journey)
    came = {row.journey: row for row in await connection.execute(steps)}
    return [
        Funnel(row.journey, row.entered, row.held, *(came[row.journey][1:] if row.journey in came else ()))
        for row in await connection.execute(counts.order_by(people.c.journey))
    ]


def _people(start: datetime, end: datetime) -> CTE:
    """Each person once in a journey, with their first pass in these dates; let in if they were so once."""
    return (
        select(
            entries.c.journey,
            entries.c.user_id,
            func.max(flag(entries.c.state != "holdout")).label("let_in"),
            func.min(entries.c.entered_at).label("entered_at"),
        )
        .where(entries.c.entered_at >= start, entries.c.entered_at < end, entries.c.state != "dropped")
        .group_by(entries.c.journey, entries.c.user_id)
        .cte("people")
    )


def _far(people: CTE, start: datetime) -> CTE:
    """How far each of them came by the messages of that journey since then."""
    columns = (sends.c.journey, sends.c.user_id)
    reached = select(
        *columns,
        func.max(flag(WENT)).label("sent"),
        func.max(DELIVERED).label("delivered"),
        func.max(OPENED).label("opened"),
        func.max(CLICKED).label("clicked"),
        func.min(sends.c.machine_at).label("first_at"),
    )
    known = and_(people.c.journey == sends.c.journey, people.c.user_id == sends.c.user_id)
    return (
        reached.select_from(LETTERS.join(people, known))
        .where(sends.c.machine_at >= start, sends.c.machine_at >= people.c.entered_at, WENT, people.c.let_in == 1)
        .group_by(*columns)
        .cte("far")
    )


def _reached(far: CTE, window: timedelta, goals: Mapping[str, frozenset[str]]) -> Any:
    """Whether the person did what the journey is for, after its first message and within the window."""
    wanted = listed(
        "goals", ["journey", "name"], [(each, name) for each in sorted(goals) for name in sorted(goals[each])]
    )
    return (
        exists(events.c.seq)
        .select_from(wanted.join(events, events.c.name == wanted.c.name))
        .where(
            wanted.c.journey == far.c.journey,
            events.c.user_id == far.c.user_id,
            events.c.occurred_at >= far.c.first_at,
            events.c.occurred_at < later(far.c.first_at, window),
        )
    )
