"""How the parts are put together in one process: front door, relay, worker, and the embedded server below them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import get_args

import uvicorn
from starlette.applications import Starlette
from temporalio.client import Client

from activities.rendering import Templates
from connect import connect, opened
from context.location import Places
from context.stores import read_stores
from errors import SettingsError
from ingestion.accept import Acceptor
from ingestion.app import FrontDoor
from ingestion.deliveries import Deliveries
from ingestion.inbox import inbox_routes
from ingestion.life import Life, living
from ingestion.opaque import Opaque
from ingestion.pages import Pages
from ingestion.preferences import Offer, preference_routes
from ingestion.relay import Relay
from ingestion.sendgrid_webhook import sendgrid_webhook
from ingestion.unsubscribe import unsubscribe_routes
from messages import Channel
from profiles.addresses import Addresses
from profiles.unsubscribe_links import UnsubscribeLinks
from settings import ROOT, Settings
from stack import TemporalServer
from storage.database import Database
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


@asynccontextmanager
async def receiving(
    settings: Settings, database: Database, client: Client, catalogue: Catalogue
) -> AsyncIterator[Service]:
    """Accept and relay, without the door. PartDied ends the block when one of the two dies."""
    relay = Relay(database, client, catalogue, task_queue=settings.task_queue)
    acceptor = acceptor_of(settings, database, catalogue, relay.wake)
    async with relay, acceptor, living(relay.life, acceptor.life):
        yield Service(settings, database, client, catalogue, acceptor, relay)


def acceptor_of(
    settings: Settings, database: Database, catalogue: Catalogue, committed: Callable[[Iterable[str]], None]
) -> Acceptor:
    """What accepts events into this database, and says whose it has committed."""
    return Acceptor(
        database,
        relevant=catalogue.relevant,
        places=Places(settings.geoip_path, read_stores(settings.stores), settings.default_zone),
        opaque=Opaque(settings.secret_key()),
        dates=settings.dates(),
        committed=committed,
    )


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[None]:
    """The front door over HTTP, on the port of the settings. PartDied if it cannot be started, or dies."""
    settings = service.settings
    app = app_of(settings, service.database, service.acceptor, [service.relay.life, service.acceptor.life])
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=5)
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


def app_of(settings: Settings, database: Database, acceptor: Acceptor, lives: Iterable[Life]) -> Starlette:
    """The front door as an ASGI application, for any server; `lives` are the parts that its `/health` answers for."""
    door = FrontDoor(acceptor, database, settings.keys(), lives)
    pages = Pages(
        database, acceptor, UnsubscribeLinks(settings.secret_key(), settings.front_door), shop=settings.shop_name
    )
    addresses = Addresses(settings.secret_key())
    deliveries = Deliveries(database, acceptor, addresses, front_door=settings.front_door)
    return door.app(
        *unsubscribe_routes(pages),
        *preference_routes(pages, offer_of(settings)),
        sendgrid_webhook(deliveries, settings.webhook_key),
        *inbox_routes(database, Opaque(settings.secret_key()), door.keys.lets_in),
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
    async with opened(settings) as database:
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
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
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
