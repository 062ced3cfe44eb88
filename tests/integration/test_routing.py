"""The queue of events that Temporal has not acknowledged: whose turn it is, and what it costs to find out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import insert

from storage.database import Database
from storage.migrate import migrate
from storage.routing import hold_back, routes_of, unrouted
from storage.tables import routing

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await migrate(database)
    yield database
    await database.close()


async def leave(database: Database, *rows: tuple[int, str, datetime | None]) -> None:
    """Leave events at these places, of these persons, held back until then."""
    values = [{"seq": seq, "user_id": user, "not_before": until} for seq, user, until in rows]
    async with database.write() as connection:
        await connection.execute(insert(routing), values)


async def due(database: Database, after: str = "", most: int = 100) -> tuple[list[str], str]:
    async with database.read() as connection:
        return await unrouted(connection, NOW, after, most)


async def test_longest_waiting_first(database: Database) -> None:
    """Each person is named once, whoever has waited longest first."""
    await leave(database, (1, "c", None), (2, "a", None), (3, "c", None), (4, "b", None), (5, "a", None))
    assert await due(database) == (["c", "a", "b"], "")


async def test_held_back(database: Database) -> None:
    """Who is held back is not due before the time has come, however many later events there are, and then is again."""
    past = NOW - timedelta(seconds=1)
    await leave(
        database, (1, "held", LATER), (2, "held", None), (3, "free", None), (4, "tried", past), (5, "free", None)
    )
    assert await due(database) == (["free", "tried"], "")
    async with database.read() as connection:
        assert await routes_of(connection, "held", NOW, 10) == []
        assert await routes_of(connection, "held", LATER, 10) == [1, 2]
        assert (await unrouted(connection, LATER, "", 10))[0] == ["held", "free", "tried"]


async def test_everybody_has_their_turn(database: Database) -> None:
    """With more people than one look takes in, the next goes on where the last ended, and everybody comes up in each round."""
    people = [f"u-{number}" for number in range(7)]
    await leave(database, *((seq, user, LATER if seq < 4 else None) for seq, user in enumerate(people)))
    seen: list[str] = []
    after = ""
    for _ in range(3):
        found, after = await due(database, after, 3)
        seen += found
    # The third look has come to the end and begun again.
    assert sorted(seen) == people[4:]
    assert after == "u-1"


async def test_nobody(database: Database) -> None:
    """Where nothing waits nobody is due, wherever the last look ended."""
    assert await due(database) == ([], "")
    assert await due(database, "somebody") == ([], "")


async def test_a_look_costs_the_same(tmp_path: Path) -> None:
    """A look at 20,000 waiting events of 20 people takes the steps that 40 events take: it grows with people, not with events."""
    database = Database(f"sqlite:///{tmp_path / 'journeyman.db'}")  # which can count its steps
    await migrate(database)
    steps = []
    for places in (range(40), range(40, 20_000)):
        await leave(database, *_of_20_people(places))
        steps.append(await _steps(database))
    await database.close()
    assert steps[1] < 2 * steps[0]


def _of_20_people(places: Iterable[int]) -> list[tuple[int, str, datetime | None]]:
    return [(seq, f"u-{seq % 20}", None) for seq in places]


async def _steps(database: Database) -> int:
    """How many instructions of its machine SQLite needs for one look."""
    ticks = count()
    async with database.read() as connection:
        await unrouted(connection, NOW, "", 500)
        own = await connection.run_sync(lambda sync: sync.connection.driver_connection)
        assert own is not None
        own.set_progress_handler(lambda: next(ticks) and 0, 1)
        found, _ = await unrouted(connection, NOW, "", 500)
        own.set_progress_handler(None, 0)
    assert len(found) == 20
    return next(ticks)


async def test_pauses_grow(database: Database) -> None:
    """Each failure doubles the pause before the next try, up to five minutes or what is asked for, however often it fails."""
    await leave(database, (1, "u", None))
    pauses = []
    for attempts in (0, 1, 2, 9, 5000):
        async with database.write() as connection:
            await connection.execute(routing.update().values(attempts=attempts))
            await hold_back(connection, 1, NOW, "Temporal answered UNAVAILABLE")
            row = (await connection.execute(routing.select())).one()
        pauses.append((row.not_before - NOW).total_seconds())
        assert row.attempts == attempts + 1
    assert pauses == [0.5, 1, 2, 256, 300]
    async with database.write() as connection:
        await hold_back(connection, 1, NOW, "Temporal answered UNAVAILABLE", longest=timedelta(seconds=4))
        assert (await connection.execute(routing.select())).one().not_before == NOW + timedelta(seconds=4)
