"""What the relay looks after once a second costs what is left to do, not what was ever done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.migrate import migrate
from storage.runs import ending_runs, stale_entries, waiting_entries
from storage.tables import entries, open_runs

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Look = Callable[[AsyncConnection], Awaitable[object]]
LOOKS: dict[str, Look] = {
    "waiting_entries": lambda connection: waiting_entries(connection, 200),
    "stale_entries": lambda connection: stale_entries(connection, NOW, 100),
    "ending_runs": lambda connection: ending_runs(connection, 200),
}


async def settle(database: Database, numbers: Iterable[int]) -> None:
    """So many people have entered, and are in it for months."""
    places = [{"journey": "j", "user_id": f"u-{number}", "key": ""} for number in numbers]
    passes: list[dict[str, Any]] = [
        {"event_id": f"e-{place['user_id']}", "seq": 1, "entered_at": NOW, "state": "started", "moved_at": NOW}
        for place in places
    ]
    runs: dict[str, Any] = {"entry_id": "e", "entry_seq": 1, "first_run_id": "r", "state": "open", "due_at": NOW}
    async with database.write() as connection:
        await connection.execute(insert(entries), [place | one for place, one in zip(places, passes, strict=True)])
        await connection.execute(insert(open_runs), [place | runs for place in places])


@pytest.mark.parametrize("name", LOOKS)
async def test_sqlite(tmp_path: Path, name: str) -> None:
    """A look among 20,000 people who have entered takes the steps that it takes among 20.

    Killed by: leaving UNSETTLED out of waiting_entries or stale_entries, or dropping an index of entries or open_runs.
    """
    database = Database(f"sqlite:///{tmp_path / 'journeyman.db'}")  # which can count its steps
    await migrate(database)
    taken = []
    for numbers in (range(20), range(20, 20_000)):
        await settle(database, numbers)
        taken.append(await _steps(database, LOOKS[name]))
    await database.close()
    assert taken[1] < 2 * taken[0]


@pytest.mark.parametrize("name", LOOKS)
async def test_postgresql(postgresql_url: str, name: str) -> None:
    """On PostgreSQL none of these looks reads all rows of a table of 20,000.

    Killed by: dropping an index of entries or open_runs.
    """
    database = Database(postgresql_url)
    await migrate(database)
    await settle(database, range(20_000))
    async with database.write() as connection:
        await connection.execute(text("ANALYZE"))
    async with database.read() as connection:
        before = await _whole_reads(connection)
        for _ in range(20):  # by then the server has plans of its own
            await LOOKS[name](connection)
        after = await _whole_reads(connection)
    await database.close()
    assert after == before


async def _steps(database: Database, look: Look) -> int:
    """How many instructions of its machine SQLite needs."""
    ticks = count()
    async with database.read() as connection:
        await look(connection)
        own = await connection.run_sync(lambda sync: sync.connection.driver_connection)
        assert own is not None
        own.set_progress_handler(lambda: next(ticks) and 0, 1)
        await look(connection)
        own.set_progress_handler(None, 0)
    return next(ticks)


async def _whole_reads(connection: AsyncConnection) -> int:
    """Whole readings of our two tables, those of this transaction included."""
    query = text("SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname IN ('entries', 'open_runs')")
    return int((await connection.execute(query)).scalar() or 0)
