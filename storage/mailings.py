"""What became of messages, how long they took, why they did not go, and whether there were too many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import Subquery

from events import EmailMarkedAsSpam, Unsubscribed

from .funnels import CLICKED, DELIVERED, LETTERS, OPENED, flag
from .tables import events, sends
from .told import later

ENOUGH = (Unsubscribed.event_name, EmailMarkedAsSpam.event_name)
"""What says that it was too much."""
MOST_REASONS = 200
GOAL_FIRST = "ended before it could be sent"


@dataclass(frozen=True)
class Mailing:
    """Messages of one journey through one channel."""

    journey: str
    channel: str
    sent: int
    delivered: int
    opened: int
    clicked: int
    withheld: int
    refused: int
    unknown: int
    waiting: int


@dataclass(frozen=True)
class Withheld:
    """Messages of one journey that did not go for the same reason."""

    journey: str
    reason: str
    messages: int


@dataclass(frozen=True)
class Fatigue:
    """People with so many messages, and how many of them have had enough since."""

    messages: int
    people: int
    left: int


@dataclass(frozen=True)
class Leaving:
    """People whom a journey has sent something, and how many of them have had enough since."""

    journey: str
    people: int
    left: int


async def mailings(connection: AsyncConnection, start: datetime, end: datetime) -> list[Mailing]:
    """By what was decided about each message in these dates, and what is known of it now."""
    columns = (sends.c.send_key, sends.c.journey, sends.c.channel, sends.c.status)
    letters = (
        select(
            *columns,
            func.max(DELIVERED).label("delivered"),
            func.max(OPENED).label("opened"),
            func.max(CLICKED).label("clicked"),
        )
        .select_from(LETTERS)
        .where(sends.c.machine_at >= start, sends.c.machine_at < end)
        .group_by(*columns)
        .subquery("letters")
    )
    status = letters.c.status
    query = select(
        letters.c.journey,
        func.coalesce(letters.c.channel, ""),
        func.sum(flag(status == "accepted")),
        func.sum(letters.c.delivered),
        func.sum(letters.c.opened),
        func.sum(letters.c.clicked),
        *(func.sum(flag(status == each)) for each in ("withheld", "refused", "unknown")),
        func.sum(flag(status.in_(("held", "claimed")))),
    ).group_by(letters.c.journey, letters.c.channel)
    rows = await connection.execute(query.order_by(letters.c.journey, letters.c.channel))
    return [Mailing(*row) for row in rows]


async def withheld(connection: AsyncConnection, start: datetime, end: datetime) -> list[Withheld]:
    """Why messages did not go, most first; what ended a journey is told without saying which event it was."""
    reason = case((sends.c.reason.startswith("ended by "), GOAL_FIRST), else_=func.coalesce(sends.c.reason, ""))
    count = func.count().label("messages")
    query = (
        select(sends.c.journey, reason.label("why"), count)
        .where(sends.c.status == "withheld", sends.c.machine_at >= start, sends.c.machine_at < end)
        .group_by(sends.c.journey, reason)
        .order_by(count.desc(), sends.c.journey, reason)
        .limit(MOST_REASONS)
    )
    return [Withheld(*row) for row in await connection.execute(query)]


async def latencies(connection: AsyncConnection, start: datetime, end: datetime) -> dict[str, Counter[int]]:
    """By journey, how many messages took so many milliseconds from the request to the provider; those that had to wait for nothing."""
    query = (
        select(sends.c.journey, sends.c.took_ms, func.count())
        .where(sends.c.took_ms.is_not(None), sends.c.machine_at >= start, sends.c.machine_at < end)
        .group_by(sends.c.journey, sends.c.took_ms)
    )
    found: dict[str, Counter[int]] = {}
    for journey, took, count in await connection.execute(query):
        found.setdefault(journey, Counter())[took] += count
    return found


async def fatigue(connection: AsyncConnection, start: datetime, end: datetime, window: timedelta) -> list[Fatigue]:
    """People by how many messages they had in these dates, of all journeys, and who left within the window after the last."""
    got = _got(start, end, by_journey=False)
    query = (
        select(got.c.messages, func.count(), func.sum(_left(got, window)))
        .group_by(got.c.messages)
        .order_by(got.c.messages)
    )
    return [Fatigue(*row) for row in await connection.execute(query)]


async def leaving(connection: AsyncConnection, start: datetime, end: datetime, window: timedelta) -> list[Leaving]:
    """The same by journey, after its own messages."""
    got = _got(start, end, by_journey=True)
    query = select(got.c.journey, func.count(), func.sum(_left(got, window))).group_by(got.c.journey)
    return [Leaving(*row) for row in await connection.execute(query.order_by(got.c.journey))]


def _got(start: datetime, end: datetime, *, by_journey: bool) -> Subquery:
    """Who had messages, how many, when first and when last; webhooks reach a program and not the person."""
    who = (sends.c.user_id, *([sends.c.journey] if by_journey else []))
    went = and_(sends.c.status == "accepted", sends.c.channel != "webhook")
    return (
        select(
            *who,
            func.count().label("messages"),
            func.min(sends.c.machine_at).label("first_at"),
            func.max(sends.c.machine_at).label("last_at"),
        )
        .where(went, sends.c.machine_at >= start, sends.c.machine_at < end)
        .group_by(*who)
        .subquery("got")
    )


def _left(got: Subquery, window: timedelta) -> ColumnElement[int]:
    said = exists().where(
        events.c.user_id == got.c.user_id,
        events.c.name.in_(ENOUGH),
        events.c.occurred_at >= got.c.first_at,
        events.c.occurred_at < later(got.c.last_at, window),
    )
    return case((said, 1), else_=0)
