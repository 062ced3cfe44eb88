"""The database: its tables, and what a transaction keeps others from doing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, select

from settings import ROOT
from storage.database import Database
from storage.ledger import Send, put_send, rivals_of
from storage.migrate import migrate
from storage.people import lock_people
from storage.tables import metadata, sends

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

# Takes the person's lock and claims one message if fewer than the cap are claimed; over and over, until none is free.
CLAIMANT = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from storage.database import Database
from tests.integration.test_storage import claim

async def main(url, name, rounds):
    database = Database(url)
    print("ready", flush=True)
    sys.stdin.readline()
    won = [number for number in range(int(rounds)) if await claim(database, f"u-{number}", name)]
    await database.close()
    print(len(won), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def claim(database: Database, user_id: str, name: str) -> bool:
    """Claim a message under a cap of one, as the guard does; False if another has it."""
    async with database.write() as connection:
        await lock_people(database, connection, [user_id], NOW)
        if await rivals_of(connection, user_id, NOW - timedelta(days=1), NOW):
            return False
        await asyncio.sleep(0)
        key = f"{user_id}/{name}"
        line = Send(key, key, user_id, "j", "", "e", "s", "email", "t", "topic", "marketing", "claimed", NOW, NOW)
        await put_send(database, connection, line)
        return True


def differences(connection: Connection) -> object:
    """Between the database and the tables in the code."""
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)


async def test_from_nothing(database: Database) -> None:
    """An empty database gets every table, and a second call changes nothing."""
    for _ in range(2):
        await migrate(database)
        async with database.write() as connection:
            names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        assert sorted(names) == sorted([*metadata.tables, "alembic_version"])


async def test_the_schema_is_the_one_the_code_means(database: Database) -> None:
    """After the migrations there is no difference between the database and the tables in the code."""
    await migrate(database)
    async with database.write() as connection:
        assert await connection.run_sync(differences) == []


async def test_two_that_migrate_at_once(database: Database, database_url: str) -> None:
    """Two processes that start together on an empty database both find it ready."""
    other = Database(database_url)
    try:
        await asyncio.gather(migrate(database), migrate(other))
        for each in (database, other):
            async with each.read() as connection:
                assert await connection.run_sync(differences) == []
    finally:
        await other.close()


async def test_moments_and_amounts(database: Database) -> None:
    """A moment comes back with its zone and an amount to its last digit, from either database."""
    await migrate(database)
    async with database.write() as connection:
        person = (await lock_people(database, connection, ["u"], NOW))["u"]
    assert (person.created_at, person.created_at.tzinfo, str(person.spent)) == (NOW, UTC, "0")


async def test_one_process_claims(database: Database) -> None:
    """E4: of many claims at once in one process exactly one passes a cap of one."""
    await migrate(database)
    won = await asyncio.gather(*(claim(database, "u", f"c-{number}") for number in range(40)))
    assert sum(won) == 1


async def test_two_processes_claim(database: Database, database_url: str) -> None:
    """E4: two processes that claim for the same 60 people at the same time never both pass a cap of one."""
    await migrate(database)
    rounds = 60
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CLAIMANT, database_url, name, str(rounds)),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("one", "other")
    ]
    try:
        async with asyncio.timeout(60):
            for process in processes:
                assert process.stdout is not None
                assert await process.stdout.readline() == b"ready\n"
            counts = [int(out) for out, _ in await asyncio.gather(*(each.communicate(b"go\n") for each in processes))]
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    async with database.read() as connection:
        lines = (await connection.execute(select(sends.c.user_id))).all()
    assert sum(counts) == rounds == len(lines) == len({line.user_id for line in lines})
