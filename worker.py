"""Runs workflows and activities; any number of these may run side by side."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import get_args

import structlog
import uvloop
from prometheus_client import start_http_server
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import logs
from activities.channels.endpoints import ADDRESSES, Endpoint, endpoint_of
from activities.channels.envelope import Provider
from activities.channels.firebase import Firebase
from activities.channels.sendgrid import SendGrid
from activities.channels.webhook import Webhooks
from activities.rendering import Templates
from activities.send import Sender
from connect import connect, opened
from errors import JourneymanError, SettingsError, TemplateError
from messages import Channel
from profiles.addresses import Addresses
from profiles.segments import watched_by
from profiles.unsubscribe_links import UnsubscribeLinks
from settings import ROOT, Settings
from storage.database import Database
from tracing import traced
from workflows.catalogue import Catalogue
from workflows.host import Host
from workflows.queues import Queues, know, queue_name

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
    found: dict[Channel, Provider] = {}
    if key := settings.sendgrid_api_key.get_secret_value():
        sender = (settings.sender, settings.sender_name)
        found["email"] = SendGrid(key, sender=sender, reply_to=settings.reply_to or None, host=settings.sendgrid_url)
    if key_file := settings.firebase_credentials:
        found["push"] = Firebase(Path(key_file), icon=settings.push_icon)
    if endpoints := settings.endpoints:
        found["webhook"] = Webhooks(endpoints)
    return found


def sender_of(
    settings: Settings,
    database: Database,
    catalogue: Catalogue,
    reach: dict[Channel, Provider],
    templates: Templates | None = None,
) -> Sender:
    """The activities, bound to this database and these providers; the templates are read from their folder unless given."""
    links = UnsubscribeLinks(settings.secret_key(), settings.front_door)
    templates = templates or Templates(ROOT / "templates", shop=settings.shop)
    check_templates(catalogue, templates)
    check_endpoints(catalogue, settings.endpoints)
    watched_by(catalogue)  # a segment that there is not is told before anyone enters
    addresses = Addresses(settings.secret_key())
    limited = frozenset(settings.channel_rates)
    kinds = {
        (each, name): templates.details(each, name).kind for each in get_args(Channel) for name in templates.names(each)
    }
    know(settings.task_queue, Queues(limited, kinds))
    return Sender(database, catalogue, templates, settings.policy, reach, links, addresses, limited=limited)


def check_templates(catalogue: Catalogue, templates: Templates) -> None:
    """Raise TemplateError, naming the journey, for a message whose template is missing: before anyone enters it."""
    for listed in catalogue:
        for channel, template in listed.messages:
            try:
                templates.details(channel, template)
            except TemplateError as error:
                raise TemplateError(f"journeys/{listed.journey.name}.py: {error}.") from None


def check_endpoints(catalogue: Catalogue, endpoints: Mapping[str, Endpoint]) -> None:
    """Raise SettingsError, naming the journey, for a call to an endpoint without an address, unless none has one."""
    for listed in catalogue if endpoints else ():
        for channel, template in listed.messages:
            if channel == "webhook" and (name := endpoint_of(template)) not in endpoints:
                raise SettingsError(
                    f'journeys/{listed.journey.name}.py calls webhook("{template}"), and {ADDRESSES} names no endpoint {name}: '
                    f"add {name}=https://… to it."
                )


@asynccontextmanager
async def worker_of(
    client: Client, settings: Settings, sender: Sender, *, draining: bool = True
) -> AsyncIterator[None]:
    """A worker for every journey, and beside it one for the queue of each channel; they stop at the end.

    Without a rate nothing comes to such a queue but what was put there while there was one. That must not lie there for
    ever; `draining=False` leaves it, for who knows that there never was a rate.
    """
    async with AsyncExitStack() as stack:
        for channel in get_args(Channel):
            rate = settings.channel_rates.get(channel)
            if rate is None and not draining:
                continue
            limited = Worker(
                client,
                task_queue=queue_name(settings.task_queue, channel),
                activities=[sender.send],
                max_concurrent_activities=50,
                max_concurrent_activity_task_polls=5 if rate else 1,
                # The server's own limit: one for the queue, however many workers ask.
                max_task_queue_activities_per_second=rate,
                disable_eager_activity_execution=True,
                graceful_shutdown_timeout=timedelta(seconds=15),
            )
            await stack.enter_async_context(limited)
        journeys = Worker(
            client,
            task_queue=settings.task_queue,
            workflows=[Host],
            activities=[
                sender.send,
                sender.begin,
                sender.profile,
                sender.advice.recommend,
                sender.advice.best_channel,
            ],
            workflow_runner=runner(),
            max_cached_workflows=2000,
            max_concurrent_workflow_tasks=20,
            max_concurrent_activities=50,
            graceful_shutdown_timeout=timedelta(seconds=15),
        )
        await stack.enter_async_context(journeys)
        yield


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
            if isinstance(provider, SendGrid | Firebase | Webhooks):
                await provider.close()


@asynccontextmanager
async def telling(address: str) -> AsyncIterator[None]:
    """What this process counts, for Prometheus at that address, if there is one; SettingsError where it cannot be had."""
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host or "127.0.0.1")
    except (OSError, ValueError, OverflowError):
        raise SettingsError(
            f"JOURNEYMAN_METRICS: {address} cannot be listened on; expected a free address such as 0.0.0.0:9464."
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def run() -> None:
    """Work until SIGINT or SIGTERM."""
    settings = Settings.read()
    catalogue = Catalogue.load()
    async with traced(settings.collector), opened(settings) as database:
        client = await connect(settings)
        async with telling(settings.metrics), working(client, settings, database, catalogue):
            log.info("working", task_queue=settings.task_queue, journeys=[each.journey.name for each in catalogue])
            await stopped()


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
