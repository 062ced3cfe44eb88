"""What an event costs: the runs that care hear of it, and nobody else is spoken to, however many runs the person has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Engine, event, select

from connect import connect
from ingestion.relay import Relay
from stack import TemporalServer
from storage.runs import Place, put_run, run_at
from storage.tables import routing
from tests.calls import Calls
from tests.door import somebody
from tests.metering import Meter, undisturbed
from tests.servers import wait_until
from tests.stage import Stage, staged

pytestmark = pytest.mark.server
RUNS = 40


@pytest_asyncio.fixture
async def quiet_server(tmp_path: Path) -> AsyncIterator[TemporalServer]:
    """A server that nobody else uses: other tests' work on the shared one would be counted as ours."""
    async with undisturbed(tmp_path / "metered") as server:
        yield server


@pytest_asyncio.fixture
async def quiet(quiet_server: TemporalServer, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on that server, without a relay at work."""
    async with staged(database_url, quiet_server.address, tmp_path, relaying=False) as stage:
        yield stage


@asynccontextmanager
async def heard(stage: Stage) -> AsyncIterator[Calls]:
    """What a relay says to Temporal, in the block and until nothing is left to route."""
    calls = Calls()
    client = await connect(
        stage.settings, embedded=stage.client.service_client.config.target_host, interceptors=[calls]
    )
    async with Relay(stage.database, client, stage.catalogue, task_queue=stage.settings.task_queue) as relay:
        yield calls
        await wait_until(relay.idle, 30)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that is sent to any database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def with_carts(stage: Stage, user: str, count: int = RUNS) -> None:
    """Give the person that many open runs of carts, and one that has begun and waits for videos."""
    async with stage.relay:
        await stage.knows(user)
        await stage.happens(stage.event(user, "File Downloaded", file_name="listener"))
        await stage.happens(
            *(stage.event(user, "Cart Updated", cart_id=f"c-{n}", value="30", currency="EUR") for n in range(count))
        )


async def test_only_the_runs_that_care(quiet: Stage, quiet_server: TemporalServer) -> None:
    """Of a person with 42 open runs a video reaches the one that waits for it, a purchase of one cart ends that one, and a
    touch of a cart, a refund that no run waits for and an event that no journey names cost nothing at all.

    Killed by: leaving the key out of Router._inform or is_goal, informing runs that have not begun, or add_routes for every
    name in Acceptor._store.
    """
    stage, user = quiet, somebody()
    await with_carts(stage, user)
    meter = await Meter.at_zero(quiet_server)

    await stage.take(*(stage.event(user, "Level Up", level=str(number)) for number in range(100)))
    async with stage.database.read() as connection:
        assert (await connection.execute(select(routing.c.seq))).all() == []
    async with heard(stage) as calls:
        await stage.take(*(stage.event(user, "Order Refunded", order_id=f"o-{number}") for number in range(100)))
        await stage.take(stage.event(user, "Cart Updated", cart_id="c-7", value="31", currency="EUR"))
    assert calls.made == []
    assert await meter.spent() == 0

    async with heard(stage) as calls:
        await stage.take(*(stage.event(user, "Video Playback Completed", content_asset_id=f"v-{n}") for n in range(60)))
    assert set(calls.made) == {("signal", f"listener/{user}")}
    assert len(calls.made) <= 3, "they go together"

    async with heard(stage) as calls:
        await stage.take(stage.event(user, "Cart Emptied", cart_id="c-7"))
    assert calls.of("cancel") == [f"cart_abandonment/{user}/c-7"]
    assert calls.of("start") == calls.of("signal") == []
    assert calls.counted()["describe cart_abandonment"] == len(calls.made) - 1, "looking whether it has closed"


async def test_what_nobody_cares_about(quiet: Stage, quiet_server: TemporalServer) -> None:
    """An event that no journey names is stored and never routed, and one that matters to no run of its person costs nothing.

    Killed by: looking whether a run is there for events that no run waits for.
    """
    stage, user = quiet, somebody()
    async with stage.relay:
        meter = await Meter.at_zero(quiet_server)
        await stage.take(*(stage.event(user, "Level Up", id=f"{user}-{number}") for number in range(50)))
        assert await stage.relay.idle()
        await stage.happens(*(stage.event(user, "Order Refunded", order_id=f"o-{number}") for number in range(50)))
        assert await meter.spent() == 0


async def test_the_same_work(unrelayed: Stage) -> None:
    """An event of a person with 400 open runs takes as many statements as that of a person with one, and the runs of one
    person are read in one of them.

    Killed by: reading each open run by itself in Router.route.
    """
    stage, counts = unrelayed, []
    for runs in (1, 400):
        user = somebody()
        await with_carts(stage, user, 1)
        async with stage.database.write() as connection:
            run = await run_at(connection, Place("cart_abandonment", user, "c-0"))
            assert run is not None
            for number in range(1, runs):
                copied = replace(run, place=Place("cart_abandonment", user, f"c-{number}"), entry_id=f"e-{number}")
                await put_run(stage.database, connection, copied)
        await stage.take(stage.event(user, "Order Refunded", order_id="o"))
        relay = Relay(stage.database, stage.client, stage.catalogue, task_queue=stage.settings.task_queue)
        with statements() as sent:
            await relay.route(user)
        counts.append(len([each for each in sent if not each.startswith(("BEGIN", "COMMIT"))]))
        async with stage.database.read() as connection:
            assert (await connection.execute(select(routing.c.seq))).all() == []
    assert counts[0] == counts[1] <= 8
