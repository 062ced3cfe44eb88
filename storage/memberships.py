"""Who is in which of the segments that journeys start on, as it was when they were last judged."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .people import upsert
from .prepared import Prepared, among
from .tables import memberships, watched

FORGOTTEN = timedelta(days=7)
"""A segment that has not been judged for everybody for that long begins anew: nobody knows who came into it meanwhile."""
OF_PEOPLE = Prepared(lambda dialect: select(memberships).where(among(memberships.c.user_id, "users", dialect)))
TIMES = select(memberships.c.times).where(
    memberships.c.user_id == bindparam("user"), memberships.c.segment == bindparam("of_segment")
)
WATCHED = Prepared(lambda _: select(watched))


@dataclass(frozen=True)
class Membership:
    """One person and one segment: since `at` inside or outside of it, having come into it so many `times`."""

    user_id: str
    segment: str
    times: int
    at: datetime
    inside: bool

    @property
    def event_id(self) -> str:
        """The id of the event that tells of the last time; nobody but us can know that there was such a time."""
        return f"segment-{self.segment}-{hashlib.sha256(self.user_id.encode()).hexdigest()[:32]}-{self.times}"


@dataclass(frozen=True)
class Watched:
    """A segment that journeys start on; `judged_at` is None until everybody was judged for the first time."""

    segment: str
    since: datetime
    judged_at: datetime | None


async def memberships_of(connection: AsyncConnection, users: Collection[str]) -> dict[tuple[str, str], Membership]:
    """What is known of these persons, by user and segment."""
    rows = [Membership(*row) for row in await OF_PEOPLE.rows(connection, users=sorted(users))] if users else []
    return {(each.user_id, each.segment): each for each in rows}


async def put_memberships(database: Database, connection: AsyncConnection, changed: Iterable[Membership]) -> None:
    """Write what was judged of persons whose lock is held."""
    if rows := [vars(each) for each in changed]:
        await upsert(database, connection, memberships, rows)


async def times_inside(connection: AsyncConnection, user_id: str, segment: str) -> int:
    """How often this person has come into that segment."""
    return await connection.scalar(TIMES, {"user": user_id, "of_segment": segment}) or 0


async def watched_now(connection: AsyncConnection) -> dict[str, Watched]:
    """The segments that anybody watches, by name."""
    return {each.segment: each for each in (Watched(*row) for row in await WATCHED.rows(connection))}


async def watch(database: Database, connection: AsyncConnection, segments: Iterable[str], now: datetime) -> None:
    """Watch these from now on, or go on to."""
    rows = [{"segment": segment, "since": now, "judged_at": None} for segment in segments]
    if rows:
        await connection.execute(database.insert(watched).on_conflict_do_nothing(), rows)
        anew = update(watched).where(watched.c.judged_at <= now - FORGOTTEN)
        await connection.execute(anew.values(since=now, judged_at=None))


async def judged(connection: AsyncConnection, segments: Iterable[str], now: datetime) -> None:
    """Everybody was judged as to these."""
    await connection.execute(update(watched).where(watched.c.segment.in_(sorted(segments))).values(judged_at=now))
