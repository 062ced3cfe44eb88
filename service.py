"""How the parts are put together in one process: front door, relay, worker, and the embedded server below them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import get_args

import uvicorn
from starlette.applications import Starlette
from temporalio.client import Client

from activities.rendering import Templates
from backlogs import backlogs_of
from connect import connect, opened
from context.location import Places
from context.stores import read_stores
from errors import SettingsError
from ingestion.accept import Acceptor
from ingestion.app import FrontDoor
from ingestion.brokers.consumer import Consumer
from ingestion.census import Census
from ingestion.cloudevents_door import cloudevents_routes
from ingestion.connection import Connection
from ingestion.deliveries import Deliveries
from ingestion.inbox import inbox_routes
from ingestion.life import Life, living
from ingestion.load import Load
from ingestion.metrics import Queues, metrics_route
from ingestion.opaque import Opaque
from ingestion.openapi import openapi_route
from ingestion.pages import Pages
from ingestion.people import people_routes
from ingestion.preferences import Offer, preference_routes
from ingestion.relay import Relay
from ingestion.report_page import Reports, report_routes
from ingestion.segment_webhook import segment_webhook_routes
from ingestion.sendgrid_webhook import sendgrid_webhook
from ingestion.server_tags import server_tag_routes
from ingestion.snippet import snippet_routes
from ingestion.streams import Streams
from ingestion.tealium import tealium_routes
from ingestion.unsubscribe import unsubscribe_routes
from messages import Channel
from profiles.addresses import Addresses
from profiles.inbox_tokens import InboxTokens
from profiles.segments import relevant_to
from profiles.unsubscribe_links import UnsubscribeLinks
from settings import ROOT, Settings
from stack import TemporalServer
from storage.database import Database
from tracing import traced
from worker import working
from workflows.catalogue import Catalogue


@dataclass(frozen=True)
class Service:
    """Everything that one process runs."""

    settings: Settings
    database: Database
    client: Client
    catalogue: Catalogue
    acceptor: Acceptor
    relay: Relay
    consumers: tuple[Consumer, ...] = ()
    census: Census | None = None

    @property
    def lives(self) -> list[Life]:
        """The parts that `/health` answers for."""
        census = [self.census.life] if self.census else []
        return [self.relay.life, self.acceptor.life, *census, *(consumer.life for consumer in self.consumers)]


@asynccontextmanager
async def receiving(
    settings: Settings, database: Database, client: Client, catalogue: Catalogue
) -> AsyncIterator[Service]:
    """Accept and relay, from brokers where some are set, without the door. PartDied ends the block when one of these dies."""
    relay = Relay(
        database,
        client,
        catalogue,
        task_queue=settings.task_queue,
        lateness=settings.lateness,
        holdout=settings.holdout,
    )
    acceptor = acceptor_of(settings, database, catalogue, relay.wake)
    consumers = tuple(Consumer(broker, acceptor) for broker in settings.brokers)
    census = Census(database, catalogue, woken=relay.wake)
    service = Service(settings, database, client, catalogue, acceptor, relay, consumers, census)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(relay)
        await stack.enter_async_context(acceptor)
        await stack.enter_async_context(census)
        for consumer in consumers:
            await stack.enter_async_context(consumer)
        await stack.enter_async_context(living(*service.lives))
        yield service


def acceptor_of(
    settings: Settings, database: Database, catalogue: Catalogue, committed: Callable[[Iterable[str]], None]
) -> Acceptor:
    """What accepts events into this database, and says whose it has committed."""
    return Acceptor(
        database,
        relevant=catalogue.relevant | relevant_to(catalogue),
        places=Places(settings.geoip_path, read_stores(settings.stores), settings.default_zone),
        opaque=Opaque(settings.secret_key()),
        dates=settings.dates(),
        committed=committed,
        lateness=settings.lateness,
    )


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[None]:
    """The front door over HTTP, on the port of the settings. PartDied if it cannot be started, or dies."""
    settings = service.settings
    queues = partial(backlogs_of, service.client, settings)
    streams = Streams(service.database, most=settings.streams)
    app = app_of(settings, service.database, service.acceptor, [*service.lives, streams.life], streams, queues)
    # The streams end before the server does: it would wait for them.
    async with served(app, settings), streams, living(streams.life):
        yield


@asynccontextmanager
async def served(app: Starlette, settings: Settings) -> AsyncIterator[None]:
    """This application over HTTP, on the port of the settings. PartDied if it cannot be started, or dies."""
    config = uvicorn.Config(
        app,
        http=Connection,
        log_config=None,  # its own would print texts of errors, which may quote a person
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    with listening(settings.host, settings.port) as listener:
        server, life = _Server(config), Life("front door")
        life.begin(server.serve(sockets=[listener]))
        try:
            async with living(life):
                await server.ready.wait()
                yield
        finally:
            server.should_exit = True
            await life.end(cancel=False)


def app_of(
    settings: Settings,
    database: Database,
    acceptor: Acceptor,
    lives: Iterable[Life],
    streams: Streams | None = None,
    queues: Queues | None = None,
) -> Starlette:
    """The front door as an ASGI application, for any server; `lives` are the parts that its `/health` answers for.

    Without `streams` it tells browsers of in-app messages only when they ask, without `queues` Prometheus nothing of Temporal.
    """
    load = Load(settings.waiting_events, settings.waiting_mb * 1024 * 1024)
    door = FrontDoor(acceptor, database, settings.keys(), lives, settings.origins, settings.keys_of_pages(), load)
    pages = Pages(
        database, acceptor, UnsubscribeLinks(settings.secret_key(), settings.front_door), shop=settings.shop_name
    )
    addresses = Addresses(settings.secret_key())
    deliveries = Deliveries(database, acceptor, addresses, front_door=settings.front_door)
    return door.app(
        *unsubscribe_routes(pages),
        *preference_routes(pages, offer_of(settings)),
        sendgrid_webhook(deliveries, settings.webhook_key),
        *segment_webhook_routes(door.intake, settings.segment_secret.get_secret_value()),
        *cloudevents_routes(door.intake),
        *tealium_routes(door.intake),
        *server_tag_routes(door.intake),
        *snippet_routes(),
        *people_routes(database, Opaque(settings.secret_key()), door.keys, settings.default_zone),
        *report_routes(
            Reports(database, holdout=settings.holdout, zone=settings.default_zone), door.keys, settings.shop_name
        ),
        openapi_route(),
        metrics_route(database, door.keys, queues),
        *inbox_routes(
            database,
            acceptor,
            Opaque(settings.secret_key()),
            door.keys,
            InboxTokens(settings.secret_key()),
            streams,
        ),
    )


def offer_of(settings: Settings) -> Offer:
    """What people may choose from, by the front matter of the templates: neither what is transactional nor technical calls."""
    templates = Templates(ROOT / "templates", shop=settings.shop)
    channels: dict[str, set[str]] = {}
    for channel in get_args(Channel):
        for details in (templates.details(channel, name) for name in templates.names(channel)):
            if details.kind == "marketing" or (details.kind == "service" and channel != "webhook"):
                channels.setdefault(details.topic, set()).add(channel)
    return Offer(channels, settings.policy.opt_in)


@asynccontextmanager
async def everything(settings: Settings, *, time_skipping: bool = False) -> AsyncIterator[Service]:
    """The whole embedded stack: Temporal with its web UI, worker, relay and front door."""
    listening(settings.host, settings.port).close()
    catalogue = Catalogue.load()
    async with traced(settings.collector), opened(settings) as database:
        server = TemporalServer(
            settings.home(), port=settings.temporal_port, ui_port=settings.ui_port, time_skipping=time_skipping
        )
        async with server:
            client = await connect(settings, embedded=server.address)
            async with (
                working(client, settings, database, catalogue),
                receiving(settings, database, client, catalogue) as service,
                serving(service),
            ):
                yield service


def listening(host: str, port: int) -> socket.socket:
    """A bound socket; SettingsError names the variable to change where the port is taken."""
    # The protocol is named, or asyncio would not know that answers must not wait for an acknowledgement (Nagle).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"The front door cannot listen on {host}:{port} ({error.strerror}). Set JOURNEYMAN_PORT to a free port."
        ) from None
    return listener


class _Server(uvicorn.Server):
    """Leaves the signals to the process it is a part of, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
