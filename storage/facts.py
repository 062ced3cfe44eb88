"""How events are stored and read back as the kinds a journey may name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Context, Event

from .tables import events, routing

KINDS = Event.kinds()
MOST_PRODUCTS = 20

AT_PLACES = select(events).where(events.c.seq.in_(bindparam("seqs", expanding=True))).order_by(events.c.seq)
NEWEST = (
    select(events)
    .where(
        events.c.user_id == bindparam("user"),
        events.c.name.in_(bindparam("names", expanding=True)),
        events.c.seq > bindparam("since"),
    )
    .order_by(events.c.occurred_at.desc(), events.c.seq.desc())
    .limit(bindparam("page"))
    .offset(bindparam("offset"))
)

AFTER = (
    select(events)
    .where(
        events.c.user_id == bindparam("user"),
        events.c.name.in_(bindparam("names", expanding=True)),
        events.c.seq > bindparam("since"),
    )
    .order_by(events.c.seq)
    .limit(50)
)
ROUTED_AFTER = AFTER.where(
    events.c.seq.not_in(select(routing.c.seq).where(routing.c.user_id == bindparam("user"))),
)


NEWEST_CONTEXT = (
    select(events.c.context).where(events.c.user_id == bindparam("user")).order_by(events.c.seq.desc()).limit(1)
)
ARRIVAL = select(events.c.received_at).where(events.c.event_id == bindparam("event_id"))


def event_of(row: Row[Any]) -> Event | None:
    """A stored row as its event kind; None for names we do not know and rows that no longer fit."""
    kind = KINDS.get(row.name)
    if kind is None:
        return None
    facts = dict(row.properties)
    if isinstance(products := facts.get("products"), list):
        facts["products"] = products[:MOST_PRODUCTS]
    known = {"event_id": row.event_id, "occurred_at": row.occurred_at, "seq": row.seq, "context": row.context}
    try:
        return kind.model_validate(facts | known)
    except ValidationError:
        return None


async def read_events(connection: AsyncConnection, seqs: Iterable[int]) -> list[Event]:
    """Stored events by their place, in order."""
    rows = await connection.execute(AT_PLACES, {"seqs": list(seqs)})
    return [event for row in rows if (event := event_of(row)) is not None]


async def arrival_of(connection: AsyncConnection, event_id: str) -> datetime | None:
    """When we received that event; None if we never did."""
    arrived: datetime | None = await connection.scalar(ARRIVAL, {"event_id": event_id})
    return arrived


async def newest_context(connection: AsyncConnection, user_id: str) -> Context:
    """The circumstances of the person's newest event."""
    return Context.model_validate(await connection.scalar(NEWEST_CONTEXT, {"user": user_id}) or {})


async def newest_first(
    connection: AsyncConnection, user_id: str, names: Iterable[str], *, since: int
) -> AsyncIterator[Event]:
    """The person's events of these names accepted after `since`, by the time they happened, newest first; in pages."""
    if not (wanted := sorted(names)):
        return
    page, offset = 50, 0
    while True:
        asked = {"user": user_id, "names": wanted, "since": since, "page": page, "offset": offset}
        rows: Sequence[Row[Any]] = (await connection.execute(NEWEST, asked)).all()
        for row in rows:
            if (event := event_of(row)) is not None:
                yield event
        if len(rows) < page:
            return
        offset += page


async def accepted_after(
    connection: AsyncConnection, user_id: str, names: Iterable[str], *, since: int, routed: bool = False
) -> AsyncIterator[Event]:
    """The person's events of these names accepted after `since`, in order; with `routed` those the relay is done with."""
    wanted, statement = sorted(names), ROUTED_AFTER if routed else AFTER
    while wanted:
        asked = {"user": user_id, "names": wanted, "since": since}
        rows: Sequence[Row[Any]] = (await connection.execute(statement, asked)).all()
        for row in rows:
            if (event := event_of(row)) is not None:
                yield event
        if not rows:
            return
        since = rows[-1].seq
