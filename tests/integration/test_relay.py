"""The way from a committed event to Temporal: whatever dies in between, each is seen, and seen once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import delete, select, update

from connect import connect
from ingestion.departures import workflow_id
from ingestion.relay import Relay
from settings import Settings
from stack import TemporalServer
from storage.database import Database
from storage.ledger import kept
from storage.routing import backlog
from storage.runs import Entry, OpenRun, Place, add_entry, entries_of_person, put_run, run_at
from storage.tables import entries, people, routing
from tests.door import somebody
from tests.servers import free_port, wait_until
from tests.stage import Stage, staged
from workflows.catalogue import Catalogue

pytestmark = pytest.mark.server
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def relay_of(stage: Stage) -> Relay:
    """One more relay, as another process would have it."""
    return Relay(stage.database, stage.client, stage.catalogue, task_queue=stage.settings.task_queue)


async def left(stage: Stage) -> int:
    async with stage.database.read() as connection:
        return await backlog(connection)


async def states(stage: Stage, user: str, journey: str) -> list[str]:
    """What became of the person's entries into a journey, in order."""
    async with stage.database.read() as connection:
        return [entry.state for entry in await entries_of_person(connection, user) if entry.place.journey == journey]


async def test_a_relay_is_killed(unrelayed: Stage) -> None:
    """T4: what was committed and not yet acknowledged is routed by the next relay, and every person has one run."""
    stage, chance, users = unrelayed, Random(4), [somebody() for _ in range(120)]
    await stage.take(*(stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR") for user in users))
    assert await left(stage) == 120
    kills = 0
    while before := await left(stage):
        async with relay_of(stage):
            await fewer_left(stage, max(before - chance.randrange(1, 9), 0))
        kills += 1
    assert kills >= 4
    async with relay_of(stage) as relay:
        await wait_until(relay.idle, 20)
    for user in users:
        assert await states(stage, user, "cart_abandonment") == ["started"]
        async with stage.database.read() as connection:
            run = await run_at(connection, Place("cart_abandonment", user, "c"))
        assert run is not None
        assert (await stage.handle("cart_abandonment", user, "c").describe()).run_id == run.first_run_id


async def fewer_left(stage: Stage, most: int) -> None:
    """Wait until at most that many events are left to route."""

    async def few() -> bool:
        return await left(stage) <= most

    await wait_until(few)


async def test_signals_are_seen_once(unrelayed: Stage) -> None:
    """T4: a journey counts each event once, though the relays that signalled them were killed again and again."""
    stage, user, chance = unrelayed, somebody(), Random(5)
    async with stage.relay:
        await stage.knows(user)
        await stage.happens(stage.event(user, "File Downloaded", file_name="listener"))
        await stage.wake("listener", user)
    videos = [stage.event(user, "Video Playback Completed", content_asset_id=str(number)) for number in range(30)]
    interrupted = 0
    for video in videos:
        await stage.take(video)
        async with relay_of(stage):
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)
        interrupted += bool(await left(stage))
    assert interrupted
    async with relay_of(stage) as relay:
        await wait_until(relay.idle, 20)
    await stage.take(*videos)
    await stage.wake("listener", user)
    await stage.result("listener", user)
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "seen-30-videos" in str(message.rendered)


async def test_temporal_is_away(tmp_path: Path) -> None:
    """C4, T4: while Temporal is down events are taken and kept; when it is back, in its old state, all of them are routed."""
    server = TemporalServer(tmp_path / "temporal", port=free_port(), ui_port=free_port())
    users = [somebody() for _ in range(12)]
    async with server, staged(f"sqlite:///{tmp_path / 'journeyman.db'}", server.address, tmp_path) as stage:
        bought = users[0]
        await stage.happens(stage.event(bought, "Cart Updated", cart_id="c", value="30", currency="EUR"))
        await server.stop()
        await stage.take(
            *(stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR") for user in users[1:])
        )
        await stage.take(
            stage.event(bought, "Order Completed", id=f"{bought}-o", cart_id="c", order_id="o", value="30")
        )

        async def set_aside() -> bool:
            async with stage.database.read() as connection:
                problems = (await connection.execute(select(routing.c.problem))).scalars().all()
            return len(problems) == 12 and any(problem and "Temporal" in problem for problem in problems)

        await wait_until(set_aside, 30)
        await server.start()
        await wait_until(stage.relay.idle, 60)
        assert "ended by Order Completed" in (await stage.result("cart_abandonment", bought, "c"))["outcome"]
        assert all([await stage.is_open("cart_abandonment", user, "c") for user in users[1:]])
        assert await states(stage, bought, "post_purchase") == ["started"]


async def test_a_condition_that_throws(stage: Stage) -> None:
    """A `where` that throws holds up only that person's events, in order, and they go on when it is mended."""
    broken, other = somebody(), somebody()
    first = stage.event(broken, "File Downloaded", file_name="picky")
    await stage.take(first, stage.event(broken, "Cart Updated", cart_id="c", value="30", currency="EUR"))
    await stage.take(stage.event(other, "Cart Updated", cart_id="c", value="30", currency="EUR"))
    await wait_until(lambda: _is_started(stage, other))
    assert await left(stage) == 2
    async with stage.database.read() as connection:
        problem = (await connection.execute(select(routing.c.problem).order_by(routing.c.seq))).scalars().first()
    assert problem == "InvalidOperation at picky.py:9"
    async with stage.database.write() as connection:
        await connection.execute(update(people).where(people.c.user_id == broken).values(orders=1, spent=Decimal(5)))
    await wait_until(stage.relay.idle, 20)
    assert await states(stage, broken, "picky") == await states(stage, broken, "cart_abandonment") == ["started"]


async def _is_started(stage: Stage, user: str) -> bool:
    return await states(stage, user, "cart_abandonment") == ["started"]


@asynccontextmanager
async def relayed(stage_settings: Settings, address: str) -> AsyncIterator[Stage]:
    """Accept and relay without a worker: nothing that is cancelled can close."""
    database = Database(stage_settings.database_url)
    client = await connect(stage_settings, embedded=address)
    stage = Stage(stage_settings, database, client, Catalogue.load())
    try:
        async with stage.relay, stage.acceptor:
            yield stage
    finally:
        await database.close()


async def test_a_start_meets_a_dying_run(temporal: TemporalServer, database_url: str, tmp_path: Path) -> None:
    """A person who comes back is let in again as soon as the cancelled run has closed, however long that takes: never dropped."""
    user, stage_of = somebody(), (database_url, temporal.address, tmp_path)
    async with staged(*stage_of) as stage:
        await stage.knows(user)
        await stage.happens(stage.event(user, "Screen Viewed"))
        await stage.wake("win_back", user)
        await stage.sent(user)
        settings, first = stage.settings, await stage.run_id("win_back", user)
    async with relayed(settings, temporal.address) as stage:
        await stage.take(stage.event(user, "Screen Viewed", id=f"{user}-back"))

        async def waits() -> bool:
            return await states(stage, user, "win_back") == ["started", "waiting"] and await left(stage) == 0

        await wait_until(waits)
        assert not await stage.relay.idle()
        assert await stage.run_id("win_back", user) == first
    async with staged(*stage_of) as stage:
        await wait_until(stage.relay.idle, 20)
        assert await states(stage, user, "win_back") == ["started", "started"]
        second = await stage.run_id("win_back", user)
        assert second != first
        assert await stage.is_open("win_back", user)
        old = stage.client.get_workflow_handle(workflow_id(Place("win_back", user, "")), run_id=first)
        assert (await old.result())["outcome"] == f"ended by Screen Viewed ({user}-back)"


async def test_a_goal_for_a_start_that_was_not_acknowledged(unrelayed: Stage) -> None:
    """A goal for a run whose start is still under way waits until its id is known: no later run of that id can be hit."""
    stage, user = unrelayed, somebody()
    place = Place("cart_abandonment", user, "c")
    cart = stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR")
    await stage.take(cart)
    async with stage.database.write() as connection:
        # As a relay leaves it that died after it had decided, and before Temporal answered.
        seq = (await connection.execute(select(routing.c.seq).where(routing.c.user_id == user))).scalar_one()
        await add_entry(stage.database, connection, Entry(place, cart.event_id, seq, cart.occurred_at, "starting"))
        run = OpenRun(place, cart.event_id, seq, None, "open", None, cart.occurred_at + HOUR)
        await put_run(stage.database, connection, run)
        await connection.execute(delete(routing).where(routing.c.seq == seq))

    async def told() -> str | None:
        async with stage.database.read() as connection:
            return (await connection.execute(select(routing.c.problem))).scalars().first()

    async with stage.relay:
        await stage.take(stage.event(user, "Order Completed", id=f"{user}-o", cart_id="c", order_id="o", value="30"))
        assert "not been acknowledged" in str(await wait_until(told))
        async with stage.database.write() as connection:
            await connection.execute(update(entries).values(moved_at=datetime.now(UTC) - DAY))
        await wait_until(lambda: _is_started(stage, user))
        account = await stage.result("cart_abandonment", user, "c")
        assert account["outcome"] == f"ended by Order Completed ({user}-o)"
        await wait_until(stage.relay.idle, 20)
