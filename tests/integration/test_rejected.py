"""What Temporal will never take is tried a few times and set aside, and keeps nothing else from anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, select, update
from temporalio.api.enums.v1 import EventType
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from aside import asides_of, replay
from connect import connect
from ingestion.circuit import is_refusal
from ingestion.incoming import Incoming
from ingestion.rejection import is_rejection
from ingestion.relay import Relay
from stack import TemporalServer
from storage.routing import REJECTED, REJECTED_FOR
from storage.runs import Entry, OpenRun, Place, add_entry, entries_of_person, put_run, runs_of
from storage.tables import entries, routing
from tests.door import somebody
from tests.servers import free_port, wait_until
from tests.stage import Stage, staged

pytestmark = pytest.mark.server
SIGNALS = 2
LONG = "rerun-" + "x" * 94
"""A key with which an id grows longer than the server here takes; a usual one takes 1,000 characters."""


class Strict(TemporalServer):
    """A server that takes little."""

    def _arguments(self) -> list[str]:
        limits = ("limit.maxIDLength=100", f"history.maximumSignalsPerExecution={SIGNALS}")
        return [*super()._arguments(), *(part for each in limits for part in ("--dynamic-config-value", each))]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    folder = tmp_path_factory.mktemp("strict")
    async with Strict(folder, port=free_port(), ui_port=free_port(), time_skipping=True, database=False) as server:
        yield server


@pytest_asyncio.fixture
async def strict(strict_server: TemporalServer, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on that server, without a relay at work."""
    async with staged(database_url, strict_server.address, tmp_path, relaying=False) as stage:
        yield stage


def cart(stage: Stage, user: str, **facts: Any) -> Incoming:
    return stage.event(user, "Cart Updated", cart_id="c", value="60", currency="EUR", **facts)


async def entered(stage: Stage, user: str) -> dict[str, str]:
    async with stage.database.read() as connection:
        return {each.place.journey: each.state for each in await entries_of_person(connection, user)}


async def told(stage: Stage) -> list[tuple[str, str, int]]:
    """What operators are shown of what is set aside."""
    lines = (await asides_of(stage.settings, 10)).plain()["events"]
    return [(line["event"], line["problem"], line["tries"]) for line in lines]


async def to_the_last_try(stage: Stage, user: str) -> None:
    """Wait until an event of this person was rejected, and let it have been but for once as often as it takes."""
    failing = (routing.c.user_id == user) & routing.c.failing_since.is_not(None)

    async def is_failing() -> bool:
        async with stage.database.read() as connection:
            return (await connection.execute(select(routing.c.seq).where(failing))).first() is not None

    await wait_until(is_failing, 20)
    long_ago = datetime.now(UTC) - REJECTED_FOR
    last = {"attempts": REJECTED - 1, "failing_since": long_ago, "not_before": None}
    async with stage.database.write() as connection:
        await connection.execute(update(routing).where(failing).values(last))


async def test_a_start(strict: Stage, temporal: TemporalServer) -> None:
    """An event whose start Temporal rejects is set aside after five tries, with the journey's name and nobody's id; what else
    it causes is done, the person's later events go on, and given back it starts where it is taken.

    Killed by: raising at the first rejection in Dispatch.carry_out, counting it as a refusal in Relay.route, or leaving the
    entry and its run where they are.
    """
    stage, user = strict, somebody()
    async with stage.relay:
        await stage.take(stage.event(user, "Video Playback Completed", content_asset_id=LONG))
        await stage.take(cart(stage, user))
        await to_the_last_try(stage, user)
        await wait_until(stage.relay.idle, 20)
    assert await told(stage) == [
        ("Video Playback Completed", "Temporal answered INVALID_ARGUMENT to start rerun", REJECTED)
    ]
    assert await entered(stage, user) == {"win_back": "started", "cart_abandonment": "started"}
    assert await stage.is_open("win_back", user)
    async with stage.database.read() as connection:
        assert {run.place.journey for run in (await runs_of(connection, user)).values()} == {
            "win_back",
            "cart_abandonment",
        }

    seq = (await asides_of(stage.settings, 10)).lines[0].seq
    await replay(stage.settings, seq, everything=False)
    client = await connect(stage.settings, embedded=temporal.address)
    relay = Relay(stage.database, client, stage.catalogue, task_queue=stage.settings.task_queue)
    await relay.route(user)
    assert (await entered(stage, user))["rerun"] == "started"
    (run,) = [run async for run in client.list_workflows(f'UserId = "{user}" AND WorkflowType = "rerun"')]
    await client.get_workflow_handle(run.id).terminate()


async def reminded(stage: Stage, user: str) -> None:
    """Let the person have been reminded of a cart once; the run tells of newer carts from then on."""
    await stage.take(stage.event(user, "Identified", traits={"email": f"{user}@example.com"}), cart(stage, user))
    async with stage.relay:
        await stage.routed()
        await stage.wake("cart_abandonment", user, "c")
        await stage.sent(user)


async def test_a_signal(strict: Stage) -> None:
    """An event that its run cannot be told any more is set aside, another journey hears of the next one, and a purchase
    ends the run all the same.

    Killed by: holding back a rejected signal as if Temporal were busy (Relay._later): the next one waits for ever.
    """
    stage, user = strict, somebody()
    await reminded(stage, user)
    relay = Relay(stage.database, stage.client, stage.catalogue, task_queue=stage.settings.task_queue)
    async with relay:
        for _ in range(SIGNALS):
            await stage.take(cart(stage, user))
            await wait_until(relay.idle, 20)
        await stage.take(cart(stage, user), stage.event(user, "File Downloaded", file_name="listener"))
        await to_the_last_try(stage, user)
        await wait_until(relay.idle, 20)
        problem = "Temporal answered INVALID_ARGUMENT to inform cart_abandonment"
        assert await told(stage) == [("Cart Updated", problem, REJECTED)]
        assert (await entered(stage, user))["listener"] == "started"
        await stage.take(stage.event(user, "Order Completed", cart_id="c", value="60"))
        assert "Order Completed" in (await stage.result("cart_abandonment", user, "c"))["outcome"]


async def test_too_much_together(unrelayed: Stage) -> None:
    """Events that are too much for one signal are told in several, each once, and none is set aside.

    Killed by: judging a rejected batch by its first event.
    """
    stage, user, lines = unrelayed, somebody(), 20
    await reminded(stage, user)
    texts = {"name": 500, "category": 500, "brand": 500, "url": 1000, "image_url": 1000}
    large = [
        {"product_id": f"p-{n}", "price": "3"} | {name: name[0] * size for name, size in texts.items()}
        for n in range(lines)
    ]
    count = 1 + 2_100_000 // (lines * sum(texts.values()))
    await stage.take(*(cart(stage, user, products=large) for _ in range(count)))
    relay = Relay(stage.database, stage.client, stage.catalogue, task_queue=stage.settings.task_queue)
    async with relay:
        await wait_until(relay.idle, 60)
    assert await told(stage) == []
    signals, events = await signalled(stage, user)
    assert events == count
    assert signals > 1


async def signalled(stage: Stage, user: str) -> tuple[int, int]:
    """With how many signals the run was told of how many events."""
    history = await stage.handle("cart_abandonment", user, "c").fetch_history()
    signals = [each for each in history.events if each.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED]
    decode = stage.client.data_converter.decode
    given = [await decode(each.workflow_execution_signaled_event_attributes.input.payloads) for each in signals]
    return len(signals), len({event["event_id"] for (events,) in given for event in events})


async def test_a_start_that_was_left_undone(strict: Stage) -> None:
    """A start that a dead relay has left behind, and that Temporal rejects, is set aside as well, and not tried for ever.

    Killed by: leaving rejections out of Aftercare._start.
    """
    stage, user = strict, somebody()
    video = stage.event(user, "Video Playback Completed", content_asset_id=LONG)
    place, before = Place("rerun", user, LONG), datetime.now(UTC) - timedelta(days=1)
    await stage.take(video)
    async with stage.database.write() as connection:
        # As a relay leaves it that died after it had decided, and before Temporal answered.
        seq = (await connection.execute(select(routing.c.seq).where(routing.c.user_id == user))).scalar_one()
        await add_entry(stage.database, connection, Entry(place, video.event_id, seq, before, "starting"))
        await put_run(stage.database, connection, OpenRun(place, video.event_id, seq, None, "open", seq, before))
        await connection.execute(update(entries).values(moved_at=before))
        await connection.execute(delete(routing).where(routing.c.seq == seq))
    async with stage.relay:
        await to_the_last_try(stage, user)
        await wait_until(stage.relay.idle, 20)
    assert [problem for _, problem, _ in await told(stage)] == ["Temporal answered INVALID_ARGUMENT to start rerun"]
    assert "rerun" not in await entered(stage, user)


async def test_what_is_everybodys_matter(strict: Stage, temporal: TemporalServer) -> None:
    """Calls that are too large or have a bad id are that event's fault, however gRPC words it; a namespace without our search
    attribute is not: there everything waits until it is set up.

    Killed by: judging by the status alone.
    """

    async def refused(**call: Any) -> RPCError:
        client = (await connect(strict.settings, embedded=temporal.address)) if "arg" in call else strict.client
        with pytest.raises(RPCError) as caught:
            await client.start_workflow("nowhere", **{"id": "i", "task_queue": "q"} | call)
        return caught.value

    missing = TypedSearchAttributes([SearchAttributePair(SearchAttributeKey.for_keyword("Missing"), "x")])
    for error, is_everybodys in [
        (await refused(arg="x" * 5_000_000), False),
        (await refused(arg="x" * 3_000_000), False),
        (await refused(id="i" * 1001), False),
        (await refused(search_attributes=missing), True),
    ]:
        assert (is_refusal(error), is_rejection(error)) == (is_everybodys, not is_everybodys), error
