"""A purchase that reaches a run in the very task in which it would go on as a new one: it is not lost with that task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.worker import Worker

from connect import connect
from settings import Settings
from stack import TemporalServer
from storage.database import Database
from storage.migrate import migrate
from tests.servers import wait_until
from tests.stage import Stage
from worker import runner, sender_of
from workflows import waiting
from workflows.catalogue import Catalogue
from workflows.host import Host

MINUTE = timedelta(minutes=1)


class Halves:
    """A stage whose walking and acting run, and rest, by themselves, so that what happens meanwhile gathers in one task."""

    def __init__(self, stage: Stage, user: str) -> None:
        self.stage = stage
        self.user = user

    def walking(self) -> Worker:
        """Runs the workflow, and keeps none in memory, so that another can go on at once."""
        return Worker(
            self.stage.client,
            task_queue=self.stage.settings.task_queue,
            workflows=[Host],
            workflow_runner=runner(),
            max_cached_workflows=0,
        )

    def acting(self) -> Worker:
        """Runs the activities."""
        sender = sender_of(self.stage.settings, self.stage.database, self.stage.catalogue, {})
        return Worker(
            self.stage.client,
            task_queue=self.stage.settings.task_queue,
            activities=[sender.send, sender.begin, sender.profile],
        )

    async def kinds(self) -> list[EventType.ValueType]:
        """What the history of the cart's run holds."""
        history = await self.stage.handle("cart_abandonment", self.user, "c").fetch_history()
        return [event.event_type for event in history.events]

    async def until(self, kind: EventType.ValueType) -> None:
        """Wait until the history holds such an event."""

        async def held() -> bool:
            return kind in await self.kinds()

        await wait_until(held)

    async def cart(self, value: int, after: timedelta = timedelta(0)) -> None:
        """The cart is touched, that much later than now."""
        event = self.stage.event(self.user, "Cart Updated", cart_id="c", value=value, currency="EUR")
        later = self.stage.event(
            self.user, "Cart Updated", cart_id="c", value=value, currency="EUR", at=event.occurred_at + after
        )
        await self.stage.happens(later)

    async def bought(self) -> None:
        """The cart is bought, and the run has been asked to end."""
        await self.stage.happens(self.stage.event(self.user, "Order Completed", id="bought", cart_id="c", order_id="o"))
        await self.until(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)

    async def outcome(self) -> str:
        """How the newest run ended."""
        return str((await self.stage.result("cart_abandonment", self.user, "c"))["outcome"])


@pytest_asyncio.fixture
async def halves(temporal: TemporalServer, tmp_path: Path, user: str) -> AsyncIterator[Halves]:
    """A stage without a worker, and the two halves of one."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'journeyman.db'}"
    settings = Settings(database=url, data_dir=tmp_path, task_queue=f"halves-{user}", quiet_hours="", caps="")
    database = Database(url)
    await migrate(database)
    stage = Stage(settings, database, await connect(settings, embedded=temporal.address), Catalogue.load())
    async with stage.relay, stage.acceptor:
        await stage.knows(user)
        yield Halves(stage, user)
    await database.close()


async def test_bought_as_the_quiet_is_prolonged(halves: Halves) -> None:
    """A purchase in the task in which the run would sleep on through a prolonged quiet ends it.

    Killed by: letting the answer win over the cancel in Errands.send, and not asking for one in Host._go_on.
    """
    await halves.cart(59)
    await halves.cart(60, after=MINUTE)
    async with halves.walking():
        await halves.stage.wake("cart_abandonment", halves.user, "c")
        await halves.until(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    async with halves.acting():
        await halves.until(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    await halves.bought()
    async with halves.walking():
        assert await halves.outcome() == "ended by Order Completed (bought)"
    assert (await halves.kinds())[-1] == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED


async def test_bought_as_the_history_grows_too_long(halves: Halves, monkeypatch: pytest.MonkeyPatch) -> None:
    """A purchase in the task in which a long run would go on in a new one ends it.

    Killed by: going on at once in Host._walk: the SDK hands out the signal before the cancel that came with it.
    """
    await halves.cart(59)
    async with halves.walking(), halves.acting():
        await halves.stage.wake("cart_abandonment", halves.user, "c")
        await halves.until(EventType.EVENT_TYPE_TIMER_STARTED)
    monkeypatch.setattr(waiting, "EVENTS_BEFORE_CONTINUING", len(await halves.kinds()))
    await halves.cart(60)
    await halves.until(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    await halves.bought()
    async with halves.walking():
        assert await halves.outcome() == "ended by Order Completed (bought)"
    assert (await halves.kinds())[-1] == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
