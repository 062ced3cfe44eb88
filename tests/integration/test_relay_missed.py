"""What comes while an entry waits for the run before it to close belongs to the run of that entry."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ingestion.departures import workflow_id
from ingestion.relay import Relay
from ingestion.router import Router
from stack import TemporalServer
from storage.runs import Entry, Place
from storage.tables import routing
from tests.door import somebody
from tests.integration.test_relay import left, relayed, states
from tests.servers import wait_until
from tests.stage import Stage, staged

pytestmark = pytest.mark.server


async def test_told_while_an_entry_waits(temporal: TemporalServer, database_url: str, tmp_path: Path) -> None:
    """C7, T13: what comes while a person who is let in again has to wait for the cancelled run to close is told to the new
    run, in order and once.

    Killed by: dropping Router.missed from Aftercare._start.
    """
    user, stage_of, key = somebody(), (database_url, temporal.address, tmp_path), "encore-1"
    async with staged(*stage_of) as stage:
        await stage.happens(stage.event(user, "Order Refunded", order_id=key))
        settings, first = stage.settings, await stage.run_id("encore", user, key)
    async with relayed(settings, temporal.address) as stage:
        await stage.take(stage.event(user, "Order Cancelled", id=f"{user}-over", order_id=key))
        for number in range(4):
            await stage.take(stage.event(user, "Order Refunded", id=f"{user}-n{number}", order_id=key))

        async def waits() -> bool:
            return await states(stage, user, "encore") == ["started", "waiting"] and await left(stage) == 0

        await wait_until(waits)
    async with staged(*stage_of) as stage:
        await stage.asleep_again("encore", user, "encore-1", after=first)
        await wait_until(stage.relay.idle, 20)
        await stage.handle("encore", user, key).execute_update("stop")
        account = await stage.result("encore", user, key)
        assert account["untaken"] == [f"{user}-n{number}" for number in (1, 2, 3)]
        old = stage.client.get_workflow_handle(workflow_id(Place("encore", user, key)), run_id=first)
        ended = await old.result()
        assert ended["outcome"] == f"ended by Order Cancelled ({user}-over)"
        assert "untaken" not in ended


async def test_what_a_waiting_entry_has_missed(unrelayed: Stage) -> None:
    """T13: of what came since an entry its run is told what it waits for, of its key, and nothing that came after a goal.

    Killed by: dropping the look for a goal, or for the key, from Router.missed.
    """
    stage, user, said = (
        unrelayed,
        somebody(),
        ("Refunded", "Refunded", "Completed", "Refunded", "Cancelled", "Refunded"),
    )
    keys = (1, 1, 1, 2, 1, 1)
    await stage.take(
        *(
            stage.event(user, f"Order {name}", id=f"{user}-{place}", order_id=f"encore-{key}")
            for place, (name, key) in enumerate(zip(said, keys, strict=True))
        )
    )
    async with stage.database.read() as connection:
        seq = (await connection.execute(select(func.min(routing.c.seq)))).scalar_one()
        entry = Entry(Place("encore", user, "encore-1"), f"{user}-0", seq, datetime.now(UTC), "starting")
        found = await Router(stage.database, stage.catalogue).missed(connection, entry)
    assert [event.event_id for event in found] == [f"{user}-1"]


async def test_ends_while_it_is_woken(unrelayed: Stage) -> None:
    """A relay that is woken in the moment in which it is told to end does end.

    Killed by: waiting with asyncio.wait_for in Relay._run, on Python 3.11.
    """
    relay = Relay(unrelayed.database, unrelayed.client, unrelayed.catalogue, task_queue="nobody")
    async with asyncio.timeout(20):
        for _ in range(10):
            await relay.__aenter__()
            await wait_until(relay.idle)
            relay.wake()
            await asyncio.sleep(0)  # one turn of the loop: the wake is there, and the relay has not seen it
            await relay.__aexit__()
    assert await relay.idle()
