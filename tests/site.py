"""A site whose visitors' browsers are told of in-app messages: the front door on a real port, and tabs that listen to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from ingestion.app import FrontDoor
from ingestion.origins import Origins, read_origins
from ingestion.streams import HEARTBEAT, Streams
from profiles.inbox_tokens import InboxPass, InboxTokens
from service import served
from settings import Settings
from storage.arrivals import known_since
from storage.database import Database
from tests.door import Door, opened_door
from tests.inboxes import SECRET, put, routes_of
from tests.servers import free_port, wait_until

SHOP = "https://shop.example.com"


@dataclass
class Tab:
    """One page that is open: what it was told, in order."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    """What a browser would send back as `Last-Event-ID`."""
    events: list[str] = field(default_factory=list)
    """Names of what was no message."""
    heartbeats: int = 0
    retry: int = 0
    is_open: bool = False
    is_over: bool = False
    """Whether the server has ended it in good order."""
    arrived: dict[str, float] = field(default_factory=dict)

    def hear(self, lines: list[str]) -> None:
        """One block of lines, as the standard reads it."""
        told: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            if name == "":
                self.heartbeats += 1
            told[name] = value.removeprefix(" ")
        self.retry = int(told.get("retry", self.retry))
        if "event" in told:
            self.events.append(told["event"])
        elif "data" in told:
            message = json.loads(told["data"])
            self.messages.append(message)
            self.ids.append(told["id"])
            self.arrived[message["id"]] = asyncio.get_running_loop().time()


class Site:
    """The site, its visitors, and what lies behind the door."""

    def __init__(self, door: Door, streams: Streams, http: httpx.AsyncClient) -> None:
        self.door = door
        self.database = door.database
        self.streams = streams
        self.http = http
        self._tokens = InboxTokens(SECRET)

    async def token(self, user: str, lifetime: timedelta = timedelta(hours=1)) -> str:
        """A token as the backend's door makes it."""
        async with self.database.read() as connection:
            since = (await known_since(connection, [user])).get(user)
        return self._tokens.token(InboxPass(user, datetime.now(UTC) + lifetime, since))

    async def put(self, user: str, **facts: Any) -> str:
        """Put a message into the person's inbox as a claim does; returns its id."""
        return await put(self.database, user, **facts)

    @asynccontextmanager
    async def tab(self, token: str, last: str | None = None, *, bearer: bool = False) -> AsyncIterator[Tab]:
        """A page that listens until the end of the block, or until the server has ended it."""
        tab = Tab()
        async with listening_to(self.http, token, tab, last, bearer=bearer):
            yield tab


@asynccontextmanager
async def listening_to(
    http: httpx.AsyncClient, token: str, tab: Tab, last: str | None = None, *, bearer: bool = False
) -> AsyncIterator[None]:
    """Let this tab hear what the stream says; `last` is its `Last-Event-ID`."""
    headers = {"Last-Event-ID": last} if last else {}
    headers |= {"Authorization": f"Bearer {token}"} if bearer else {}

    async def listen() -> None:
        path = "/v1/inbox/stream" + ("" if bearer else f"?token={token}")
        async with http.stream("GET", path, headers=headers, timeout=30) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"] == "text/event-stream"
            tab.is_open = True
            block: list[str] = []
            async for line in answer.aiter_lines():
                if line:
                    block.append(line)
                elif block:
                    tab.hear(block)
                    block = []
        tab.is_over = True

    listening = asyncio.create_task(listen())
    try:
        await wait_until(lambda: tab.is_open or listening.done())
        if listening.done():
            await listening
        yield
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


@asynccontextmanager
async def opened_site(
    database: str | Database, *, most: int = 50, heartbeat: float = HEARTBEAT, port: int | None = None
) -> AsyncIterator[Site]:
    """Over that database; everything is stopped at the end, streams first."""
    settings = Settings(port=port or free_port())
    async with opened_door(database) as door:
        front = FrontDoor(door.acceptor, door.database, frozenset({"wk"}), origins=origins())
        streams = Streams(door.database, most=most, heartbeat=heartbeat)
        app = front.app(*routes_of(front, door.acceptor, door.database, streams))
        limits = httpx.Limits(max_connections=None)
        async with (
            httpx.AsyncClient(base_url=settings.front_door, trust_env=False, limits=limits) as http,
            served(app, settings),
            streams,
        ):
            yield Site(door, streams, http)


def origins() -> Origins:
    """The site's own pages may speak to the front door."""
    return read_origins(SHOP)


class Gated(Database):
    """Counts its reads, and lets none begin while its gate is closed."""

    reads = 0
    waiting = 0

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.gate = asyncio.Event()
        self.gate.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        self.reads += 1
        self.waiting += not self.gate.is_set()
        await self.gate.wait()
        async with super().read() as connection:
            yield connection
