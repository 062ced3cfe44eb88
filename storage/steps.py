"""What became of each message of a journey in its code, and how many people are behind it now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .funnels import flag
from .tables import open_runs, sends

AGAIN = re.compile(r" #\d+$")
"""How a message that is sent more than once in a pass is told apart."""


@dataclass(frozen=True)
class Step:
    """Messages of one place in a journey; `now` are people in it whose newest message this is."""

    journey: str
    step: str
    sent: int = 0
    withheld: int = 0
    waiting: int = 0
    now: int = 0


@dataclass(frozen=True)
class Inside:
    """People who are in a journey at this moment, and those of them who have had no message yet."""

    journey: str
    people: int
    before: int


async def steps(connection: AsyncConnection, start: datetime, end: datetime) -> tuple[list[Step], list[Inside]]:
    """Messages by what was decided of them in these dates; who is where at this moment."""
    counts: dict[tuple[str, str], list[int]] = {}
    decided = (
        select(
            sends.c.journey,
            sends.c.step,
            func.sum(flag(sends.c.status == "accepted")),
            func.sum(flag(sends.c.status == "withheld")),
            func.sum(flag(sends.c.status.in_(("held", "claimed")))),
        )
        .where(sends.c.machine_at >= start, sends.c.machine_at < end)
        .group_by(sends.c.journey, sends.c.step)
    )
    for journey, step, *found in await connection.execute(decided):
        known = counts.setdefault((journey, _place(step)), [0, 0, 0, 0])
        known[:3] = [before + more for before, more in zip(known, found, strict=False)]
    newest = (
        select(sends.c.step)
        .where(
            sends.c.user_id == open_runs.c.user_id,
            sends.c.journey == open_runs.c.journey,
            sends.c.entry_id == open_runs.c.entry_id,
        )
        .order_by(sends.c.at.desc(), sends.c.machine_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    at = select(open_runs.c.journey, newest.label("step")).subquery()
    inside: dict[str, list[int]] = {}
    for journey, step, people in await connection.execute(
        select(at.c.journey, at.c.step, func.count()).group_by(at.c.journey, at.c.step)
    ):
        total = inside.setdefault(journey, [0, 0])
        total[0] += people
        if step is None:
            total[1] += people
        else:
            counts.setdefault((journey, _place(step)), [0, 0, 0, 0])[3] += people
    return (
        [Step(journey, step, *found) for (journey, step), found in sorted(counts.items())],
        [Inside(journey, *found) for journey, found in sorted(inside.items())],
    )


def _place(step: str) -> str:
    """As it is written in a picture."""
    return AGAIN.sub("", step).replace("|", " or ")
