"""The quiet before a journey and the ways it ends: nothing is lost in between."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.worker import Worker

from connect import connect
from settings import Settings
from stack import TemporalServer
from storage.database import Database
from storage.migrate import migrate
from tests.servers import wait_until
from tests.stage import Stage, kinds
from worker import runner, sender_of
from workflows.catalogue import Catalogue
from workflows.host import Host

MINUTE = timedelta(minutes=1)


async def test_where_is_asked_again(stage: Stage, user: str) -> None:
    """A cart that was emptied down to a trifle before the quiet is over is not reminded: `where` judges the newest event.

    Killed by: leaving the second look at `enters` out of Guard.admit.
    """
    await stage.knows(user)
    first = stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR")
    await stage.happens(first)
    await stage.happens(
        stage.event(user, "Cart Updated", cart_id="c", value=5, currency="EUR", at=first.occurred_at + MINUTE)
    )
    before = await stage.run_id("cart_abandonment", user, "c")
    await stage.wake("cart_abandonment", user, "c")
    await stage.asleep_again("cart_abandonment", user, "c", after=before)
    await stage.wake("cart_abandonment", user, "c")
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == "ended: the condition to enter no longer holds"
    assert await stage.sends(user) == []


async def test_cancel_in_the_task_that_continues(temporal: TemporalServer, tmp_path: Path, user: str) -> None:
    """A purchase that reaches the run in the very task in which it would sleep on is not lost with that task.

    Killed by: not asking workflow.cancellation_reason() before continue_as_new in Host.run.
    """
    url = f"sqlite+aiosqlite:///{tmp_path / 'journeyman.db'}"
    settings = Settings(database=url, data_dir=tmp_path, task_queue=f"split-{user}", quiet_hours="", cap=0)
    catalogue, database = Catalogue.load(), Database(url)
    await migrate(database)
    client = await connect(settings, embedded=temporal.address)
    stage = Stage(settings, database, client, catalogue)
    run = stage.handle("cart_abandonment", user, "c")

    async def seen(kind: EventType.ValueType) -> bool:
        return kind in [event.event_type for event in (await run.fetch_history()).events]

    def walking() -> Worker:
        return Worker(
            client,
            task_queue=settings.task_queue,
            workflows=[Host],
            workflow_runner=runner(),
            max_cached_workflows=0,
            max_concurrent_workflow_tasks=2,
        )

    sender = sender_of(settings, database, catalogue, {})
    async with stage.relay, stage.acceptor:
        await stage.knows(user)
        first = stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR")
        touch = stage.event(user, "Cart Updated", cart_id="c", value=60, currency="EUR", at=first.occurred_at + MINUTE)
        await stage.happens(first)
        await stage.happens(touch)
        async with walking():
            await stage.wake("cart_abandonment", user, "c")
            await wait_until(lambda: seen(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED))
        # Nobody walks now: the answer "not quiet" and the cancel gather in one task.
        async with Worker(client, task_queue=settings.task_queue, activities=[sender.send, sender.begin]):
            await wait_until(lambda: seen(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED))
        await stage.happens(stage.event(user, "Order Completed", id="bought", cart_id="c", order_id="o"))
        await wait_until(lambda: seen(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED))
        async with walking():
            account = await stage.result("cart_abandonment", user, "c")
    await database.close()
    assert account["outcome"] == "ended by Order Completed (bought)"
    assert await seen(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED)


async def test_goal_from_a_backend_while_running(stage: Stage, user: str) -> None:
    """A goal that a backend signals straight to a run which has begun ends it within a second.

    Killed by: not looking for goals in Host._notice.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.wake("cart_abandonment", user, "c")
    await stage.sent(user)
    began = time.monotonic()
    await stage.handle("cart_abandonment", user, "c").signal("event", bought(user, cart_id="c"))
    account = await stage.result("cart_abandonment", user, "c")
    assert time.monotonic() - began < 1
    assert account["outcome"] == f"ended by Order Completed ({user}-bought)"
    assert len(account["sent"]) == 1


async def test_goal_of_another_cart_from_a_backend(stage: Stage, user: str) -> None:
    """A goal that a backend signals for another cart ends nothing.

    Killed by: leaving the key out of Journey.is_goal.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.wake("cart_abandonment", user, "c")
    await stage.sent(user)
    await stage.handle("cart_abandonment", user, "c").signal("event", bought(user, cart_id="other"))
    await stage.wake("cart_abandonment", user, "c")
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == "went to its end"
    assert account["untaken"] == [f"{user}-bought"]


async def test_goal_from_a_backend_before_it_began(stage: Stage, user: str) -> None:
    """A goal that a backend signals to a run which has not begun ends it when it wakes, before any message.

    Killed by: not looking at waiting events at the head of Host.run.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.handle("cart_abandonment", user, "c").signal("event", bought(user))
    assert await stage.is_open("cart_abandonment", user, "c")
    await stage.wake("cart_abandonment", user, "c")
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == f"ended by Order Completed ({user}-bought)"
    assert await stage.sends(user) == []


async def test_signal_that_is_no_event(stage: Stage, user: str) -> None:
    """A signal that cannot be read as an event is told in the account and harms nothing.

    Killed by: validating in Inbox.put without catching, or raising in Host.event.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    for nonsense in ("text", 7, None, [{"type": "Order Completed"}], {"type": "Cart Updated", "event_id": "x"}):
        await stage.handle("nap", user).signal("event", nonsense)
    await stage.wake("nap", user)
    account = await stage.result("nap", user)
    assert account["outcome"] == "went to its end"
    assert sum("could not be read as an event" in line for line in account["story"]) == 5
    assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]


def bought(user: str, **facts: str) -> dict[str, str]:
    """A purchase as a backend with a Temporal client writes it."""
    moment = datetime.now(UTC).isoformat()
    return {"type": "Order Completed", "event_id": f"{user}-bought", "occurred_at": moment, **facts}
