"""Who is compared with whom, and what they did: people by what they were drawn for as they entered a journey.

A person counts once in each comparison, with the first of their passes for which they were drawn, from the moment in which
the journey began, or would have. Nothing that lies behind the draw decides who counts: not whether a message was sent,
not whether the run came to its end. For a journey that waits for quiet, its beginning is found in the events, by the
same rule for those who were let in and for those who were held out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import CTE, Subquery

from events import OrderCompleted
from workflows.variants import HELD, HOLDOUT, LET_IN

from .json_text import read, written
from .tables import assignments, entries, events
from .told import amount, currency, later, told

ARMS = cast(entries.c.arms, Text)


@dataclass(frozen=True)
class Question:
    """What is compared in a journey: an experiment's arms, or with an empty name those let in with those held out."""

    journey: str
    experiment: str
    starts: frozenset[str]
    """Wire names of the events that start it."""
    stops: frozenset[str]
    """Of the events that end it while it waits for quiet."""
    goals: frozenset[str]
    """Of the events that count as reached."""
    quiet: timedelta | None
    key: str | None
    """The field that it is one per."""


@dataclass
class Money:
    """What so many people paid: the sum, and the sum of squares of each person's own sum."""

    total: float = 0.0
    squares: float = 0.0


@dataclass
class Group:
    """People of one kind: `seen` are those whose window is over, `hits` those of them who reached the goal in it."""

    people: int = 0
    seen: int = 0
    hits: int = 0
    money: dict[str, Money] = field(default_factory=dict)
    """By currency."""


async def groups_of(
    connection: AsyncConnection, question: Question, start: datetime, end: datetime, window: timedelta, now: datetime
) -> dict[str, Group]:
    """The groups of those for whom the journey began in these dates: `held` and `let in`, or by arm."""
    cohort = _cohort(question, start, end, window, now)
    found: dict[str, Group] = {}
    for row in await connection.execute(_sums(cohort, question)):
        if (name := _group(question, row)) is None:
            continue
        group = found.setdefault(name, Group())
        if row.what == "people":
            group.people += row.people
            group.seen += row.seen
            group.hits += row.hits
        else:
            money = group.money.setdefault(row.currency, Money())
            money.total += row.total
            money.squares += row.squares
    return found


def _group(question: Question, row: Any) -> str | None:
    if not question.experiment:
        return HELD if row.held else LET_IN
    arms: Mapping[str, str] = read(row.arms)
    return arms.get(question.experiment) or None


def _cohort(question: Question, start: datetime, end: datetime, window: timedelta, now: datetime) -> CTE:
    """One row for each person: the pass they count with, when it began, and whether all of their window is over."""
    begun = _begun(question, start)
    turn = func.row_number().over(partition_by=begun.c.user_id, order_by=(begun.c.began_at, begun.c.seq))
    turns = select(begun, turn.label("turn")).where(begun.c.began_at <= now)
    if question.stops:
        turns = turns.where(~_is_stopped(question, begun))
    first = turns.cte("turns")
    until = later(first.c.began_at, window)
    columns = (first.c.user_id, first.c.seq, first.c.held, first.c.arms, first.c.began_at)
    return (
        select(*columns, until.label("until"), case((until <= now, 1), else_=0).label("is_over"))
        .where(first.c.turn == 1, first.c.began_at >= start, first.c.began_at < end)
        .cte("cohort")
    )


def _begun(question: Question, start: datetime) -> CTE:
    """Every pass for which somebody was drawn, with the moment in which the journey began, or would have.

    The tables are joined in one step, by more than they need: of two that a statement has made for itself SQLite may compare
    all rows with all.
    """
    recent = _recent(question, start)
    opening = events if question.quiet is None else _quiet_over(question, question.quiet, recent)
    known = entries.c.user_id.in_(recent) if question.quiet is None else opening.c.began_at.is_not(None)
    columns = (
        entries.c.user_id,
        entries.c.key,
        entries.c.seq,
        case((entries.c.state == "holdout", 1), else_=0).label("held"),
        # Whoever is held out or let in is all the same in the rest.
        (ARMS if question.experiment else literal("{}", Text)).label("arms"),
        (events.c.occurred_at if question.quiet is None else opening.c.began_at).label("began_at"),
    )
    return (
        select(*columns)
        .join_from(entries, opening, and_(opening.c.seq == entries.c.seq, opening.c.user_id == entries.c.user_id))
        .where(entries.c.journey == question.journey, known, _is_drawn(question))
        .cte("begun")
    )


def _is_drawn(question: Question) -> ColumnElement[bool]:
    if question.experiment:
        name = written({question.experiment: ""})[1:-4]  # as it stands in {"name":"arm"}
        return and_(ARMS.contains(f'{name}:"', autoescape=True), ~ARMS.contains(f'{name}:""', autoescape=True))
    noted = and_(
        assignments.c.user_id == entries.c.user_id,
        assignments.c.experiment.in_((HOLDOUT, f"{HOLDOUT}/{question.journey}")),
        assignments.c.at <= entries.c.entered_at,
    )
    let_in = and_(exists().where(noted, assignments.c.arm == LET_IN), ~exists().where(noted, assignments.c.arm == HELD))
    return or_(entries.c.state == "holdout", let_in)


def _recent(question: Question, start: datetime) -> Select[Any]:
    """People for whom the journey may have begun since then: all passes of theirs are looked at, and nobody else's."""
    if question.quiet is None:
        again = entries.alias("again")
        return select(again.c.user_id).where(again.c.journey == question.journey, again.c.entered_at >= start)
    some = events.alias("some")
    return select(some.c.user_id).where(
        some.c.name.in_(sorted(question.starts)), some.c.occurred_at >= start - question.quiet
    )


def _quiet_over(question: Question, quiet: timedelta, recent: Select[Any]) -> Subquery:
    """For each event that starts the journey, when the quiet from there on came to its end, whoever was there to see it."""
    key = func.coalesce(told(question.key), "") if question.key else literal("")
    same = (events.c.user_id, key) if question.key else (events.c.user_id,)
    following = func.lead(events.c.occurred_at).over(partition_by=same, order_by=(events.c.occurred_at, events.c.seq))
    over = later(events.c.occurred_at, quiet)
    touches = (
        select(events.c.user_id, key.label("key"), events.c.seq, over.label("over"), following.label("following"))
        .where(events.c.name.in_(sorted(question.starts)), events.c.user_id.in_(recent))
        .subquery("touches")
    )
    calm = case((or_(touches.c.following.is_(None), touches.c.following > touches.c.over), touches.c.over))
    first = func.min(calm).over(partition_by=(touches.c.user_id, touches.c.key), order_by=touches.c.seq, rows=(0, None))
    return select(touches.c.user_id, touches.c.seq, first.label("began_at")).subquery("quiet_over")


def _is_stopped(question: Question, passes: CTE) -> ColumnElement[bool]:
    """Whether an event has ended it before it began."""
    stopping = and_(
        events.c.user_id == passes.c.user_id,
        events.c.name.in_(sorted(question.stops)),
        events.c.seq > passes.c.seq,
        events.c.occurred_at < passes.c.began_at,
    )
    if question.key:
        key = told(question.key)
        stopping = and_(stopping, or_(key.is_(None), key == "", key == passes.c.key))
    return exists().where(stopping)


def _sums(cohort: CTE, question: Question) -> Any:
    """Rows of two kinds: how many people, and what they paid."""
    group = (cohort.c.held, cohort.c.arms)
    in_window = and_(
        events.c.user_id == cohort.c.user_id,
        events.c.seq > cohort.c.seq,
        events.c.occurred_at >= cohort.c.began_at,
        events.c.occurred_at < cohort.c.until,
    )
    reached = exists().where(in_window, events.c.name.in_(sorted(question.goals)))
    people = select(
        literal("people").label("what"),
        *group,
        null().label("currency"),
        func.count().label("people"),
        func.sum(cohort.c.is_over).label("seen"),
        func.sum(case((and_(cohort.c.is_over == 1, reached), 1), else_=0)).label("hits"),
        literal(0.0).label("total"),
        literal(0.0).label("squares"),
    ).group_by(*group)
    money = currency()
    paid = (
        select(cohort.c.user_id, *group, money.label("currency"), func.sum(amount()).label("paid"))
        .join_from(cohort, events, and_(in_window, events.c.name == OrderCompleted.event_name))
        .where(cohort.c.is_over == 1)
        .group_by(cohort.c.user_id, *group, money)
        .cte("paid")
    )
    sums = (func.sum(paid.c.paid), func.sum(paid.c.paid * paid.c.paid))
    zero = literal(0)
    money_rows = select(literal("money"), paid.c.held, paid.c.arms, paid.c.currency, zero, zero, zero, *sums).group_by(
        paid.c.held, paid.c.arms, paid.c.currency
    )
    return union_all(people, money_rows)


async def journeys_with_holdout(connection: AsyncConnection) -> set[str]:
    """Journeys that have ever kept somebody out."""
    query = select(entries.c.journey).where(entries.c.state == "holdout").distinct()
    return {row.journey for row in await connection.execute(query)}
