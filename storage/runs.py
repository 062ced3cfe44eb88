"""Who entered which journey, and which runs may be open: the rows that routing decides by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Row, and_, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .people import upsert
from .tables import UNSETTLED, entries, events, open_runs

EntryState = Literal["waiting", "starting", "started", "dropped", "holdout"]


@dataclass(frozen=True)
class Place:
    """One (journey, user, key): at most one run of it is open at a time."""

    journey: str
    user_id: str
    key: str


@dataclass(frozen=True)
class OpenRun:
    """A run that may be open; `begun_seq` is None until the journey's first verb was allowed to act."""

    place: Place
    entry_id: str
    entry_seq: int
    first_run_id: str | None
    state: Literal["open", "ending"]
    begun_seq: int | None
    due_at: datetime


@dataclass(frozen=True)
class Entry:
    """One pass of a person through a journey, opened by the event `event_id`."""

    place: Place
    event_id: str
    seq: int
    entered_at: datetime
    state: EntryState
    reason: str | None = None
    arms: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What the person has been drawn for in the journey's experiments, for this whole pass."""


def _here(table: Any) -> Any:
    return and_(
        table.c.journey == bindparam("at_journey"),
        table.c.user_id == bindparam("at_user"),
        table.c.key == bindparam("at_key"),
    )


def _at(place: Place, **others: Any) -> dict[str, Any]:
    return {"at_journey": place.journey, "at_user": place.user_id, "at_key": place.key, **others}


# Built once: putting a statement together costs as much as running it.
RUNS_OF = select(open_runs).where(open_runs.c.user_id == bindparam("user"))
RUN_AT = select(open_runs).where(_here(open_runs))
REMOVE_RUN = delete(open_runs).where(_here(open_runs), open_runs.c.entry_id == bindparam("of_entry"))
END_RUN = (
    update(open_runs).where(_here(open_runs), open_runs.c.entry_id == bindparam("of_entry")).values(state="ending")
)
NOTE_RUN = (
    update(open_runs)
    .where(_here(open_runs), open_runs.c.entry_id == bindparam("of_entry"))
    .values(first_run_id=bindparam("run_id"))
)
ENTRIES_AT = select(entries).where(_here(entries)).order_by(entries.c.seq)
ENTRIES_INTO = (
    select(entries)
    .where(entries.c.journey == bindparam("of_journey"), entries.c.user_id == bindparam("of_user"))
    .order_by(entries.c.seq)
)
MOVE_ENTRY = (
    update(entries)
    .where(_here(entries), entries.c.event_id == bindparam("of_event"))
    .values(state=bindparam("new_state"), reason=bindparam("why"), moved_at=bindparam("now"))
)
FORGET_ENTRY = delete(entries).where(_here(entries), entries.c.event_id == bindparam("of_event"))
DROP_TOUCHES = (
    update(entries)
    .where(_here(entries), entries.c.state == "waiting", entries.c.seq <= bindparam("up_to"))
    .values(state="dropped", reason="taken in by the run before")
)
LAST_SEQ = select(func.max(events.c.seq)).where(events.c.user_id == bindparam("user"))


async def runs_of(connection: AsyncConnection, user_id: str) -> dict[Place, OpenRun]:
    """Every run of this person that may be open."""
    rows = await connection.execute(RUNS_OF, {"user": user_id})
    return {run.place: run for run in map(_run, rows)}


async def run_at(connection: AsyncConnection, place: Place) -> OpenRun | None:
    """The run that may be open at this place."""
    row = (await connection.execute(RUN_AT, _at(place))).first()
    return None if row is None else _run(row)


async def put_run(database: Database, connection: AsyncConnection, run: OpenRun) -> None:
    """Insert the run, or overwrite what stood at its place."""
    values = {
        "journey": run.place.journey,
        "user_id": run.place.user_id,
        "key": run.place.key,
        "entry_id": run.entry_id,
        "entry_seq": run.entry_seq,
        "first_run_id": run.first_run_id,
        "state": run.state,
        "begun_seq": run.begun_seq,
        "due_at": run.due_at,
    }
    await upsert(database, connection, open_runs, [values])


async def set_ending(connection: AsyncConnection, run: OpenRun) -> None:
    """A goal has come for this run; whatever else is known of it stays."""
    await connection.execute(END_RUN, _at(run.place, of_entry=run.entry_id))


async def remove_run(connection: AsyncConnection, place: Place, entry_id: str) -> None:
    """Forget a run that the server said is closed; a newer one at its place stays."""
    await connection.execute(REMOVE_RUN, _at(place, of_entry=entry_id))


async def entries_at(connection: AsyncConnection, place: Place) -> list[Entry]:
    """Every entry at this place in order of acceptance, dropped ones too."""
    return [_entry(row) for row in await connection.execute(ENTRIES_AT, _at(place))]


async def entries_of_person(connection: AsyncConnection, user_id: str) -> list[Entry]:
    """Every entry of this person, oldest first."""
    query = select(entries).where(entries.c.user_id == user_id).order_by(entries.c.id)
    return [_entry(row) for row in await connection.execute(query)]


async def entries_into(connection: AsyncConnection, journey: str, user_id: str) -> list[Entry]:
    """Every entry of this person into one journey, whatever its key, in order of acceptance."""
    return [_entry(row) for row in await connection.execute(ENTRIES_INTO, {"of_journey": journey, "of_user": user_id})]


async def add_entry(database: Database, connection: AsyncConnection, entry: Entry) -> None:
    """Record an entry, once for ever."""
    values = {
        "journey": entry.place.journey,
        "user_id": entry.place.user_id,
        "key": entry.place.key,
        "event_id": entry.event_id,
        "seq": entry.seq,
        "entered_at": entry.entered_at,
        "state": entry.state,
        "moved_at": datetime.now(UTC),
        "reason": entry.reason,
        "arms": dict(entry.arms),
    }
    await connection.execute(database.insert(entries).values(values).on_conflict_do_nothing())


async def set_entry(connection: AsyncConnection, entry: Entry, state: EntryState, reason: str | None = None) -> None:
    """Move an entry on."""
    moved = {"of_event": entry.event_id, "new_state": state, "why": reason, "now": datetime.now(UTC)}
    await connection.execute(MOVE_ENTRY, _at(entry.place, **moved))


async def forget_entry(connection: AsyncConnection, entry: Entry) -> None:
    """Let it be as if this event had not entered here, and no run been opened for it."""
    await connection.execute(FORGET_ENTRY, _at(entry.place, of_event=entry.event_id))
    await remove_run(connection, entry.place, entry.event_id)


async def drop_entry(connection: AsyncConnection, place: Place, event_id: str, reason: str) -> None:
    """This entry came to nothing and counts for no `again`."""
    moved = {"of_event": event_id, "new_state": "dropped", "why": reason, "now": datetime.now(UTC)}
    await connection.execute(MOVE_ENTRY, _at(place, **moved))


async def set_started(connection: AsyncConnection, entry: Entry, run_id: str) -> None:
    """Temporal has acknowledged the start of this entry's run, under this id."""
    await set_entry(connection, entry, "started")
    await connection.execute(NOTE_RUN, _at(entry.place, of_entry=entry.event_id, run_id=run_id))


async def drop_touches(connection: AsyncConnection, place: Place, seq: int) -> None:
    """Entries that wait at this place because of events up to `seq` are not wanted: the open run has taken those in."""
    await connection.execute(DROP_TOUCHES, _at(place, up_to=seq))


async def waiting_entries(connection: AsyncConnection, limit: int) -> list[Entry]:
    """Some of the entries that wait until the run before them has closed; chance lets everybody's turn come."""
    query = select(entries).where(UNSETTLED, entries.c.state == "waiting").order_by(func.random()).limit(limit)
    return [_entry(row) for row in await connection.execute(query)]


async def stale_entries(connection: AsyncConnection, before: datetime, limit: int) -> list[Entry]:
    """Entries whose start was decided before then and never acknowledged."""
    query = (
        select(entries)
        .where(UNSETTLED, entries.c.state == "starting", entries.c.moved_at < before)
        .order_by(entries.c.seq)
        .limit(limit)
    )
    return [_entry(row) for row in await connection.execute(query)]


async def ending_runs(connection: AsyncConnection, limit: int) -> list[OpenRun]:
    """Some of the runs that were cancelled and are not known to have closed."""
    query = select(open_runs).where(open_runs.c.state == "ending").order_by(func.random()).limit(limit)
    return [_run(row) for row in await connection.execute(query)]


async def last_seq(connection: AsyncConnection, user_id: str) -> int:
    """The place of the person's newest event; 0 without any."""
    return (await connection.execute(LAST_SEQ, {"user": user_id})).scalar() or 0


def _run(row: Row[Any]) -> OpenRun:
    values = row._asdict()
    place = Place(values.pop("journey"), values.pop("user_id"), values.pop("key"))
    return OpenRun(place=place, **values)


def _entry(row: Row[Any]) -> Entry:
    values = row._asdict()
    del values["id"], values["moved_at"]
    place = Place(values.pop("journey"), values.pop("user_id"), values.pop("key"))
    return Entry(place=place, **values)
