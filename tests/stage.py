"""The whole system on one stage for a test: real database, real Temporal server, shipped worker, relay and accept."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from activities.channels.envelope import Provider
from connect import connect
from context.location import Places
from context.stores import read_stores
from ingestion.accept import Acceptor
from ingestion.departures import workflow_id
from ingestion.incoming import Incoming
from ingestion.opaque import Opaque
from ingestion.relay import Relay
from messages import Channel
from profiles.segments import relevant_to
from settings import Settings
from storage.database import Database
from storage.ledger import Send, sends_of_person
from storage.migrate import migrate
from storage.runs import Place
from tests.servers import wait_until
from timelapse import Timelapse
from worker import sender_of, worker_of
from workflows.catalogue import Catalogue

EXTRA = str(Path(__file__).parent / "extra")
if EXTRA not in sys.path:
    sys.path.append(EXTRA)

BERLIN = "192.0.2.1"
"""An address of the demo database that lies in Berlin."""


class Stage:
    """What a test can do: let things happen, move time, and look."""

    def __init__(self, settings: Settings, database: Database, client: Client, catalogue: Catalogue) -> None:
        self.settings = settings
        self.database = database
        self.client = client
        self.catalogue = catalogue
        self.timelapse = Timelapse(client)
        self.relay = Relay(database, client, catalogue, task_queue=settings.task_queue, holdout=settings.holdout)
        self.acceptor = Acceptor(
            database,
            relevant=catalogue.relevant | relevant_to(catalogue),
            places=Places(settings.geoip_path, read_stores(settings.stores), settings.default_zone),
            opaque=Opaque("test secret"),
            dates=settings.dates(),
            committed=self.relay.wake,
        )
        self._numbers = itertools.count(1)

    def event(
        self,
        user: str | None,
        name: str,
        /,
        *,
        id: str | None = None,  # noqa: A002  it is the event's id
        at: datetime | None = None,
        anonymous: str | None = None,
        traits: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        **properties: Any,
    ) -> Incoming:
        """One message of a client, as a front door hands it to accept."""
        now = datetime.now(UTC)
        return Incoming(
            event_id=id or f"{user}-{next(self._numbers)}",
            name=name,
            occurred_at=at or now,
            received_at=now,
            user_id=user,
            anonymous_id=anonymous,
            properties=properties,
            traits=traits or {},
            context=context or {},
            ip=BERLIN,
        )

    async def take(self, *messages: Incoming) -> list[Any]:
        """Accept these, without waiting for Temporal."""
        return await self.acceptor.accept(messages)

    async def happens(self, *messages: Incoming) -> None:
        """Accept these, and wait until Temporal has heard all that follows."""
        await self.acceptor.accept(messages)
        await self.routed()

    async def knows(self, user: str, **traits: Any) -> None:
        """Write a person's traits; everybody here has an email address unless told otherwise."""
        await self.happens(
            self.event(user, "Identified", traits={"email": f"{user}@example.com", "firstName": "Ada"} | traits)
        )

    async def routed(self) -> None:
        """Wait until the relay has nothing left to do."""
        await wait_until(self.relay.idle, 20)

    def handle(self, journey: str, user: str, key: str = "") -> WorkflowHandle[Any, Any]:
        """The run of this person in this journey."""
        return self.client.get_workflow_handle(workflow_id(Place(journey, user, key)))

    async def forward(self, journey: str, user: str, key: str = "", *, by: timedelta) -> None:
        """Move one run's clock ahead, and wait until the server says that it has arrived."""
        await self.timelapse.forward(self.handle(journey, user, key), by)

    async def wake(self, journey: str, user: str, key: str = "") -> None:
        """Move one run to the end of its delay or timer; waits until it sleeps first."""
        await wait_until(lambda: self.timelapse.wake(self.handle(journey, user, key)), 20)

    async def asleep_again(self, journey: str, user: str, key: str = "", *, after: str) -> str:
        """Wait until the run has continued as one other than `after`; returns its run id."""

        async def other() -> str:
            run_id = (await self.handle(journey, user, key).describe()).run_id
            return "" if run_id == after else run_id

        return str(await wait_until(other, 20))

    async def run_id(self, journey: str, user: str, key: str = "") -> str:
        """The newest run of this id."""
        return (await self.handle(journey, user, key).describe()).run_id

    async def result(self, journey: str, user: str, key: str = "") -> Any:
        """The account of a run, once it has ended."""
        async with asyncio.timeout(20):  # the SDK's own timeout is one of a single poll
            return await self.handle(journey, user, key).result()

    async def is_open(self, journey: str, user: str, key: str = "") -> bool:
        """Whether the newest run of this id is still open."""
        return (await self.handle(journey, user, key).describe()).status is WorkflowExecutionStatus.RUNNING

    async def runs(self, user: str) -> list[str]:
        """The workflow ids of every run that this person ever had, by what the server's visibility shows."""
        return sorted([run.id async for run in self.client.list_workflows(f'UserId = "{user}"')])

    async def sends(self, user: str, *, status: str | None = None) -> list[Send]:
        """The ledger's lines about this person."""
        async with self.database.read() as connection:
            lines = await sends_of_person(connection, user)
        return [line for line in lines if status in (None, line.status)]

    async def sent(self, user: str, count: int = 1) -> list[Send]:
        """Wait until that many messages were accepted by their providers; returns them."""

        async def enough() -> bool:
            return len(await self.sends(user, status="accepted")) >= count

        await wait_until(enough, 20)
        return await self.sends(user, status="accepted")


@asynccontextmanager
async def staged(
    database_url: str,
    address: str,
    data_dir: Path,
    *,
    providers: dict[Channel, Provider] | None = None,
    relaying: bool = True,
    draining: bool = False,
    **changes: Any,
) -> AsyncIterator[Stage]:
    """The system set up against one database and one server; `changes` are settings."""
    queue = f"journeys-{data_dir.name}"
    chosen: dict[str, Any] = {"quiet_hours": "", "caps": ""} | changes
    settings = Settings(database=database_url, data_dir=data_dir, task_queue=queue, **chosen)
    catalogue = Catalogue.load()
    database = Database(database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await migrate(database)
        client = await connect(settings, embedded=address)
        stage = Stage(settings, database, client, catalogue)
        await stack.enter_async_context(
            worker_of(client, settings, sender_of(settings, database, catalogue, providers or {}), draining=draining)
        )
        if relaying:
            await stack.enter_async_context(stage.relay)
        await stack.enter_async_context(stage.acceptor)
        yield stage


def kinds(lines: Sequence[Send]) -> list[str]:
    """What was sent, in order: channel and template."""
    return [f"{line.channel} {line.template}" for line in lines]
