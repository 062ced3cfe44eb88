"""What people cost who are in a journey and asleep, counted: nothing is done for them until they wake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from connect import connect
from ingestion.relay import Relay
from storage.tables import open_runs
from tests.calls import Calls
from tests.door import somebody
from tests.servers import wait_until
from tests.stage import Stage

pytestmark = pytest.mark.server
ASLEEP = 120
LOOKS = 6
"""How often the relay looks into the database before its statements are counted."""
GROWS = ("people", "events", "entries", "open_runs", "sends", "routing", "carts")


@contextmanager
def reading() -> Iterator[list[tuple[str, Any]]]:
    """Every statement but those that begin and end transactions, with its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "COMMIT")):
            sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def idle(stage: Stage) -> tuple[list[tuple[str, Any]], Calls]:
    """What a relay that has nothing to do asks the database and Temporal."""
    calls = Calls()
    client = await connect(
        stage.settings, embedded=stage.client.service_client.config.target_host, interceptors=[calls]
    )
    with reading() as sent:
        async with Relay(stage.database, client, stage.catalogue, task_queue=stage.settings.task_queue):
            await wait_until(lambda: sum("RECURSIVE" in statement for statement, _ in sent) >= LOOKS, 30)
    return sent, calls


async def test_nobody_looks_after_sleepers(unrelayed: Stage) -> None:
    """I2: with 120 people asleep a relay with nothing to do says nothing to Temporal, asks the database what it asks with
    nobody there, and none of its questions walks through a table that grows with them; their runs have one event each.

    Killed by: looking after every open run in Aftercare._closing, or dropping the index `open_runs_ending`.
    """
    stage, users = unrelayed, [somebody() for _ in range(ASLEEP)]
    alone, _ = await idle(stage)
    async with stage.relay:
        await stage.happens(*(stage.event(user, "Page Viewed", path="/") for user in users))
    async with stage.database.read() as connection:
        assert len((await connection.execute(select(open_runs.c.user_id))).all()) == ASLEEP
    sent, calls = await idle(stage)
    assert calls.made == []
    assert questions(sent) == questions(alone)
    history = await stage.handle("win_back", users[0]).fetch_history()
    assert len(history.events) == 1
    if stage.database.is_sqlite:
        assert [step for statement in dict(sent).items() for step in await walks(stage, *statement)] == []


def questions(sent: list[tuple[str, Any]]) -> set[str]:
    """The different questions."""
    return {statement for statement, _ in sent}


async def walks(stage: Stage, statement: str, parameters: Any) -> list[str]:
    """The steps in which SQLite would go through the whole of a table that grows, and not an index of what is due."""
    async with stage.database.read() as connection:
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()
    return [
        step
        for *_, step in plan
        if any(step.startswith(f"SCAN {table}") for table in GROWS) and "USING" not in step.partition("SCAN")[2]
    ]
