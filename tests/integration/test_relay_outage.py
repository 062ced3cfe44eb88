"""Temporal away: the relay knocks softly, and the backlog drains as soon as there is an answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select
from temporalio.service import RetryConfig

from connect import connect
from ingestion.circuit import LONGEST
from ingestion.relay import AT_ONCE, Relay
from stack import TemporalServer
from storage.routing import backlog
from storage.runs import entries_of_person
from storage.tables import entries, routing
from tests.calls import Calls
from tests.door import somebody
from tests.servers import free_port, wait_until
from tests.stage import Stage, staged

pytestmark = pytest.mark.server
PEOPLE = 400
QUICK = RetryConfig(initial_interval_millis=20, max_retries=1, max_elapsed_time_millis=100)
"""The client's own repetitions inside one call would only make the test long."""


async def knocking(stage: Stage, address: str, calls: Calls) -> Relay:
    """A relay whose every call is noted."""
    client = await connect(stage.settings, embedded=address, interceptors=[calls], retry_config=QUICK)
    return Relay(stage.database, client, stage.catalogue, task_queue=stage.settings.task_queue)


async def left(stage: Stage) -> int:
    async with stage.database.read() as connection:
        return await backlog(connection)


async def test_one_at_a_time(tmp_path: Path) -> None:
    """T4: with 400 people waiting and Temporal away, one of them is tried every few seconds and not each of them; when it is
    back the first is through within seconds, all soon after, and everybody has one run.

    Killed by: letting Circuit.turn return at once, LONGEST at 60, or hold_back after a refusal without `longest`.
    """
    server = TemporalServer(tmp_path / "temporal", port=free_port(), ui_port=free_port())
    database_url, calls, loop = f"sqlite:///{tmp_path / 'journeyman.db'}", Calls(), asyncio.get_running_loop()
    users = [somebody() for _ in range(PEOPLE)]
    async with server, staged(database_url, server.address, tmp_path, relaying=False) as stage:
        relay = await knocking(stage, server.address, calls)
        await server.stop()
        await stage.take(*(stage.event(u, "Cart Updated", cart_id="c", value="30", currency="EUR") for u in users))
        async with relay:
            await wait_until(lambda: calls.made)
            began = loop.time()
            # The pauses have grown to their longest: 0.25, 0.5, 1, 2, 4 seconds.
            await wait_until(lambda: len(calls.made) >= AT_ONCE + 6, 30)
            away, tries = loop.time() - began, len(calls.made) - AT_ONCE
            assert tries <= 5 + away / LONGEST
            assert len(set(calls.made)) == len(calls.made), "each time it is somebody else's turn"
            assert await left(stage) == PEOPLE

            async def each_is_told() -> bool:
                async with stage.database.read() as connection:
                    told = select(func.count()).where(routing.c.problem == "Temporal answered UNAVAILABLE")
                    return await connection.scalar(told) == len(calls.made)

            await wait_until(each_is_told)

            await server.start()
            back = loop.time()
            await wait_until(lambda: _fewer(stage, PEOPLE), 60)
            assert loop.time() - back < LONGEST + 3
            await wait_until(relay.idle, 60)
        async with stage.database.read() as connection:
            for user in users:
                (entry,) = await entries_of_person(connection, user)
                assert entry.state == "started"
            assert (await connection.execute(select(func.count()).select_from(entries))).scalar() == PEOPLE

        async def each_has_its_run() -> bool:
            runs = [run.id async for run in stage.client.list_workflows('WorkflowType = "cart_abandonment"')]
            return sorted(runs) == sorted(f"cart_abandonment/{user}/c" for user in users)

        await wait_until(each_has_its_run, 30)


async def _fewer(stage: Stage, most: int) -> bool:
    return await left(stage) < most
