"""Which accepted events Temporal has not acknowledged yet, and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import routing

TRIES = 10
"""How often an event that is at fault itself is tried, at least, before it is set aside."""
TRIED_FOR = timedelta(minutes=4)
"""For how long at least; with pauses that double from half a second the tenth try comes after 4¼ minutes."""
REJECTED, REJECTED_FOR = 5, timedelta(seconds=5)
"""The same where Temporal rejects what the event causes: that is sure, and nobody will mend it within minutes."""
HELD_BACK = timedelta(minutes=5)
"""The longest pause between two tries of a person's events."""


def _first_after(user_id: Any) -> Any:
    """The place of the first event of the person who comes next after this one, by the index of persons and places."""
    each = routing.alias("each")
    query = select(each.c.seq).where(each.c.user_id > user_id).order_by(each.c.user_id, each.c.seq).limit(1)
    return query.correlate_except(each).scalar_subquery()


def _person_by_person() -> Any:
    """Everybody's first event: one step of the index for each person, however many events there are."""
    start = routing.c.seq == _first_after(bindparam("after"))
    steps = (
        select(routing.c.seq, routing.c.user_id, routing.c.not_before, literal(1).label("number"))
        .where(start)
        .cte("steps", recursive=True)
    )
    next_one = routing.alias("next_one")
    step = (
        select(next_one.c.seq, next_one.c.user_id, next_one.c.not_before, steps.c.number + 1)
        .join_from(steps, next_one, next_one.c.seq == _first_after(steps.c.user_id))
        .where(steps.c.number < bindparam("most"))
    )
    return steps.union_all(step)


# Built once: putting a statement together costs as much as running it.
FIRSTS = select(_person_by_person())
ROUTES_OF = (
    select(routing.c.seq, routing.c.not_before)
    .where(routing.c.user_id == bindparam("user"))
    .order_by(routing.c.seq)
    .limit(bindparam("most"))
)
STATE = select(routing.c.attempts, routing.c.failing_since).where(routing.c.seq == bindparam("at"))
ROUTED = delete(routing).where(routing.c.seq.in_(bindparam("seqs", expanding=True)))


async def unrouted(connection: AsyncConnection, now: datetime, after: str, most: int) -> tuple[list[str], str]:
    """Among the next `most` persons with unrouted events those whose first may be routed now, longest waiting first.

    Persons are gone through in turn, so that nobody waits behind those who are held back; the second answer is where
    the next look goes on. The cost depends on `most` alone, not on how many events wait.
    """
    firsts = [*await connection.execute(FIRSTS, {"after": after, "most": most})]
    if after and len(firsts) < most:
        firsts += await connection.execute(FIRSTS, {"after": "", "most": most - len(firsts)})
    due = {row.user_id: row.seq for row in firsts if row.not_before is None or row.not_before <= now}
    return sorted(due, key=due.__getitem__), firsts[-1].user_id if len(firsts) == most else ""


async def routes_of(connection: AsyncConnection, user_id: str, now: datetime, most: int) -> list[int]:
    """The places of this person's next unrouted events in order of acceptance; none while the first is held back."""
    rows = (await connection.execute(ROUTES_OF, {"user": user_id, "most": most})).all()
    if rows and rows[0].not_before is not None and rows[0].not_before > now:
        return []
    return [row.seq for row in rows]


async def routed(connection: AsyncConnection, seqs: Iterable[int]) -> None:
    """Temporal has acknowledged all that these events caused."""
    await connection.execute(ROUTED, {"seqs": list(seqs)})


async def hold_back(
    connection: AsyncConnection, seq: int, now: datetime, problem: str, *, longest: timedelta = HELD_BACK
) -> None:
    """Try this person's events again later, twice as late each time: something else than this event is in the way."""
    row = (await connection.execute(STATE, {"at": seq})).one_or_none()
    await _again_later(connection, seq, now, problem, row.attempts if row else 0, None, longest)


async def failed(
    connection: AsyncConnection,
    seq: int,
    now: datetime,
    problem: str,
    *,
    tries: int = TRIES,
    tried_for: timedelta = TRIED_FOR,
) -> int:
    """This event itself cannot be routed: 0 if it is held back and tried again, else how often it was tried, which is enough."""
    row = (await connection.execute(STATE, {"at": seq})).one_or_none()
    before, since = (row.attempts, row.failing_since) if row and row.failing_since else (0, now)
    if before + 1 >= tries and now - since >= tried_for:
        return int(before) + 1
    await _again_later(connection, seq, now, problem, before, since, HELD_BACK)
    return 0


async def _again_later(
    connection: AsyncConnection,
    seq: int,
    now: datetime,
    problem: str,
    before: int,
    since: datetime | None,
    longest: timedelta,
) -> None:
    wait = min(timedelta(seconds=2 ** min(before, 10) / 2), longest)
    values = {"attempts": before + 1, "not_before": now + wait, "problem": problem, "failing_since": since}
    await connection.execute(update(routing).where(routing.c.seq == seq).values(values))


async def backlog(connection: AsyncConnection) -> int:
    """How many events wait to be routed."""
    return (await connection.execute(select(func.count()).select_from(routing))).scalar() or 0
