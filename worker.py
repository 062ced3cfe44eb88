"""Runs workflows and activities; any number of these may run side by side."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
import uvloop
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import logs
from activities.channels.envelope import Provider
from activities.channels.sendgrid import SendGrid
from activities.rendering import Templates
from activities.send import Sender
from connect import connect
from errors import JourneymanError, TemplateError
from messages import Channel
from profiles.unsubscribe_links import UnsubscribeLinks
from settings import ROOT, Settings
from storage.database import Database
from storage.migrate import migrate
from workflows.catalogue import Catalogue
from workflows.host import Host

PASSED_THROUGH = (
    "events",
    "messages",
    "errors",
    "workflows",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "typing_inspection",
)
"""Modules that journeys share with the worker. Journeys themselves are imported anew for each run, inside the sandbox."""

log = structlog.get_logger()


def runner() -> SandboxedWorkflowRunner:
    """The sandbox in which journeys run: clocks, randomness and I/O are refused there."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions)


def providers(settings: Settings) -> dict[Channel, Provider]:
    """What really sends; channels without credentials stay in our own outbox."""
    key = settings.sendgrid_api_key.get_secret_value()
    if not key:
        return {}
    sender = (settings.sender, settings.sender_name)
    return {"email": SendGrid(key, sender=sender, reply_to=settings.reply_to or None, host=settings.sendgrid_url)}


def sender_of(settings: Settings, database: Database, catalogue: Catalogue, reach: dict[Channel, Provider]) -> Sender:
    """The activities, bound to this database and these providers."""
    links = UnsubscribeLinks(settings.secret_key(), settings.front_door)
    templates = Templates(ROOT / "templates", shop=settings.shop)
    check_templates(catalogue, templates)
    return Sender(database, catalogue, templates, settings.policy, reach, links)


def check_templates(catalogue: Catalogue, templates: Templates) -> None:
    """Raise TemplateError, naming the journey, for a message whose template is missing: before anyone enters it."""
    for listed in catalogue:
        for channel, template in listed.messages:
            try:
                templates.details(channel, template)
            except TemplateError as error:
                raise TemplateError(f"journeys/{listed.journey.name}.py: {error}.") from None


def worker_of(client: Client, settings: Settings, sender: Sender) -> Worker:
    """A worker for every journey."""
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[Host],
        activities=[sender.send, sender.begin, sender.profile],
        workflow_runner=runner(),
        max_cached_workflows=2000,
        max_concurrent_workflow_tasks=20,
        max_concurrent_activities=50,
        graceful_shutdown_timeout=timedelta(seconds=15),
    )


@asynccontextmanager
async def working(
    client: Client, settings: Settings, database: Database, catalogue: Catalogue
) -> AsyncIterator[Sender]:
    """A running worker with its providers opened, and closed at the end."""
    reach = providers(settings)
    sender = sender_of(settings, database, catalogue, reach)
    try:
        async with worker_of(client, settings, sender):
            # What has been loaded stays: to look through it again at each full collection stops everything for 100 ms.
            gc.collect()
            gc.freeze()
            yield sender
    finally:
        for provider in reach.values():
            if isinstance(provider, SendGrid):
                await provider.close()


async def run() -> None:
    """Work until SIGINT or SIGTERM."""
    settings = Settings.read()
    catalogue = Catalogue.load()
    if not settings.database:
        settings.home()
    database = Database(settings.database_url)
    try:
        await migrate(database)
        client = await connect(settings)
        async with working(client, settings, database, catalogue):
            log.info("working", task_queue=settings.task_queue, journeys=[each.journey.name for each in catalogue])
            await stopped()
    finally:
        await database.close()


async def stopped() -> None:
    """Return when the process is asked to stop."""
    asked = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, asked.set)
    await asked.wait()


if __name__ == "__main__":
    logs.configure()
    try:
        uvloop.run(run())
    except JourneymanError as error:
        sys.exit(f"worker: {error}")
