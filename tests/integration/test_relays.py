"""Several relays at work at once on PostgreSQL: no person is routed by two of them at the same time, and none waits."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from ingestion.relay import Relay
from settings import ROOT
from stack import TemporalServer
from storage.database import Database
from storage.hands import Hands
from storage.routing import backlog
from tests.conftest import StartPostgreSQL
from tests.door import somebody
from tests.servers import wait_until
from tests.stage import Stage, staged

RELAY = """
import asyncio, json, sys
import tests.stage  # puts the tests' own journeys on the path
from connect import connect
from ingestion.relay import Relay
from settings import Settings
from storage.database import Database
from tests.calls import Calls
from workflows.catalogue import Catalogue

async def main(url, address, queue):
    database, calls = Database(url), Calls()
    client = await connect(Settings(), embedded=address, interceptors=[calls])
    async with Relay(database, client, Catalogue.load(), task_queue=queue):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    await database.close()
    print(json.dumps(calls.of("start")), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def url(postgresql: StartPostgreSQL) -> AsyncIterator[str]:
    server = await postgresql()
    name = await server.create_database()
    yield server.url(name)
    await server.drop_database(name)


@asynccontextmanager
async def relaying(*words: str) -> AsyncIterator[list[str]]:
    """A relay in a process of its own; after the block the list holds the workflow id of each start that it has tried."""
    started: list[str] = []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RELAY, *words), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"ready\n"
        yield started
        said, _ = await asyncio.wait_for(process.communicate(b""), 30)
        assert process.returncode == 0
        started += json.loads(said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def signalled(stage: Stage, user: str) -> tuple[list[str], set[str]]:
    """The ids of the events that were signalled to the person's listener, in order, and by which processes."""
    history = await stage.handle("listener", user).fetch_history()
    converter = stage.client.data_converter
    ids, processes = [], set()
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            told = event.workflow_execution_signaled_event_attributes
            (events,) = await converter.decode(told.input.payloads)
            ids += [each["event_id"] for each in events]
            processes.add(told.identity)
    return ids, processes


@pytest.mark.server
async def test_two_processes(temporal: TemporalServer, url: str, tmp_path: Path) -> None:
    """T4: every event of every person is signalled exactly once, in order, by two relays in two processes.

    Killed by: letting Hands.holding answer True to everybody.
    """
    users = [somebody() for _ in range(6)]
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(staged(url, temporal.address, tmp_path, relaying=False))
        async with stage.relay:
            await stage.happens(*(stage.event(user, "File Downloaded", file_name="listener") for user in users))
            await asyncio.gather(*(stage.wake("listener", user) for user in users))
        for _ in range(2):
            await stack.enter_async_context(relaying(url, temporal.address, stage.settings.task_queue))
        expected: dict[str, list[str]] = {user: [] for user in users}
        processes: set[str] = set()
        # Who comes first to a person is chance; that one of two relays never does would not be.
        while len(processes) < 2 and len(expected[users[0]]) < 600:
            for _ in range(60):
                videos = [stage.event(user, "Video Playback Completed", content_asset_id="v") for user in users]
                await stage.take(*videos)
                for user, video in zip(users, videos, strict=True):
                    expected[user].append(video.event_id)
            await wait_until(stage.relay.idle, 60)
            for user in users:
                ids, by = await signalled(stage, user)
                assert ids == expected[user]
                processes |= by
        assert len(processes) == 2


@pytest.mark.server
async def test_two_share(temporal: TemporalServer, url: str, tmp_path: Path) -> None:
    """T4: two relays that find 2,000 people waiting share them: each person is started by one of the two, once, and both
    have their part of the work.

    Killed by: letting Hands.holding answer True to everybody, or letting it wait for a person instead of going on.
    """
    users = [somebody() for _ in range(2_000)]
    async with staged(url, temporal.address, tmp_path, relaying=False) as stage:
        await stage.take(*(stage.event(u, "Cart Updated", cart_id="c", value="30", currency="EUR") for u in users))
        words = (url, temporal.address, stage.settings.task_queue)
        async with relaying(*words) as one, relaying(*words) as other:
            await wait_until(stage.relay.idle, 300)
    assert sorted(one + other) == sorted(f"cart_abandonment/{user}/c" for user in users)
    assert min(len(one), len(other)) >= 400


@pytest.mark.server
async def test_more_than_it_can_do(temporal: TemporalServer, url: str, tmp_path: Path) -> None:
    """T4: a relay whose own door never lets it rest still routes what a front door without a relay has accepted.

    Killed by: looking into the database only when nobody is due, in Relay._run.
    """
    regulars, somebody_else = [somebody() for _ in range(200)], somebody()
    async with staged(url, temporal.address, tmp_path, relaying=False) as stage:
        queue = stage.settings.task_queue
        async with Relay(stage.database, stage.client, stage.catalogue, task_queue=queue) as relay:
            relay.wake(regulars)
            facts: dict[str, Any] = {"cart_id": "c", "value": "30", "currency": "EUR"}
            await stage.take(stage.event(somebody_else, "Cart Updated", **facts))

            async def is_routed() -> bool:
                relay.wake(regulars)
                async with stage.database.read() as connection:
                    return not await backlog(connection)

            await wait_until(is_routed, 30)
        assert await stage.is_open("cart_abandonment", somebody_else, "c")


async def test_in_hand(url: str) -> None:
    """A person in the hands of one relay is refused to every other, and to itself, at once; nobody else is."""
    one, other = Hands(Database(url)), Hands(Database(url))
    async with asyncio.timeout(20):
        async with one.holding("u") as mine:
            assert mine
            for hands in (one, other):
                async with hands.holding("u") as theirs:
                    assert not theirs
            async with other.holding("v") as somebody_else:
                assert somebody_else
        async with other.holding("u") as free_again:
            assert free_again
    await one.close()
    await other.close()


@pytest.mark.server
async def test_nothing_waits(temporal: TemporalServer, url: str, tmp_path: Path) -> None:
    """Nobody is taken in hand for events that another relay has routed by then.

    Killed by: taking the lock whatever waits.
    """
    async with staged(url, temporal.address, tmp_path, relaying=False) as stage:
        hands, user = Hands(stage.database), somebody()
        async with hands.holding(user, if_unrouted=True) as mine:
            assert not mine
        await stage.take(stage.event(user, "Signed Up"))
        async with hands.holding(user, if_unrouted=True) as mine:
            assert mine
        await hands.close()


async def test_a_relay_that_is_gone(url: str) -> None:
    """Whoever was in the hands of a relay that is gone can be taken by another."""
    one, other = Hands(Database(url)), Hands(Database(url))
    async with one.holding("u"):
        await one.close()

        async def is_free() -> bool:
            async with other.holding("u") as mine:
                return mine

        await wait_until(is_free)
    await one.close()
    await other.close()
