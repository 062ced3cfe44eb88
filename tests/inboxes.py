"""The door for in-app messages over a database, without a server, and somebody who puts messages there."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from starlette.routing import Route

from ingestion.accept import Acceptor
from ingestion.app import FrontDoor
from ingestion.inbox import inbox_routes
from ingestion.opaque import Opaque
from ingestion.streams import Streams
from messages import RenderedCard
from profiles.inbox_tokens import InboxTokens
from storage.database import Database
from storage.ledger import Send, keep, send_key, step_key
from storage.people import lock_people, read_person
from tests.door import Door, opened_door

CARD = RenderedCard("Still here", "Your tent waits", "https://shop.example/cart", "Go", "https://shop.example/1.png")
NUMBERS = itertools.count(1)
SECRET = "test secret"
DOORS = (("GET", "/v1/inbox"), ("GET", "/v1/inbox/stream"), ("POST", "/v1/inbox/seen"), ("POST", "/v1/inbox/clicked"))
"""The person's own doors."""


class Shop:
    """A shop's backend with a write key, and what lies behind the door."""

    def __init__(self, door: Door, http: httpx.AsyncClient) -> None:
        self.door = door
        self.database = door.database
        self.http = http

    async def put(self, user: str, *, channel: str = "in_app", expires_in: timedelta | None = None) -> str:
        """Put a message into the person's inbox as a claim does; returns its id."""
        return await put(self.database, user, channel=channel, expires_in=expires_in)

    async def inbox(self, user: str) -> list[dict[str, Any]]:
        """What the door gives."""
        answer = await self.http.get(f"/v1/inbox/{user}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["messages"])

    async def read(self, user: str, *ids: str) -> httpx.Response:
        """Say that these were read."""
        return await self.http.post(f"/v1/inbox/{user}/read", json={"ids": ids})

    async def looks(self, user: str) -> int:
        """How often the person has been there, as far as is known."""
        async with self.database.read() as connection:
            person = await read_person(connection, user)
        assert person is not None
        return sum(person.hours.values())


async def put(
    database: Database,
    user: str,
    *,
    channel: str = "in_app",
    expires_in: timedelta | None = None,
    card: RenderedCard = CARD,
) -> str:
    """Put a message into our own outbox as a claim does; returns its id."""
    now, number = datetime.now(UTC), str(next(NUMBERS))
    step = step_key("j", "", user, number, 1)
    line = Send(
        send_key(step, channel), step, user, "j", "", "e", number, channel, "cart/still_here", "carts", "marketing",
        "accepted", now, now,
    )  # fmt: skip
    async with database.write() as connection:
        await lock_people(database, connection, [user], now)
        await keep(database, connection, line, asdict(card), None if expires_in is None else now + expires_in)
    return line.send_key


def routes_of(front: FrontDoor, acceptor: Acceptor, database: Database, streams: Streams | None = None) -> list[Route]:
    """The doors for in-app messages over a database."""
    opaque, tokens = Opaque(SECRET), InboxTokens(SECRET)
    return inbox_routes(database, acceptor, opaque, front.keys, tokens, streams)


@asynccontextmanager
async def opened_shop(database: str | Database) -> AsyncIterator[Shop]:
    """Over the database of that URL, or over this one; closed at the end."""
    async with opened_door(database) as door:
        front = FrontDoor(door.acceptor, door.database, frozenset({"wk"}))
        app = front.app(*routes_of(front, door.acceptor, door.database))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://shop.example.com",
            headers={"Authorization": "Bearer wk"},
        ) as http:
            yield Shop(door, http)


class Visitor:
    """A person's browser, with a token that the shop's backend got for it."""

    def __init__(self, shop: Shop, token: str) -> None:
        self._http = shop.http
        self.headers = {
            "Authorization": f"Bearer {token}",
            "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
        }

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._http.request(method, path, headers=self.headers, **more)

    async def inbox(self) -> list[dict[str, Any]]:
        answer = await self.ask("GET", "/v1/inbox")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["messages"])

    async def say(self, what: str, *ids: str) -> httpx.Response:
        return await self.ask("POST", f"/v1/inbox/{what}", json={"ids": ids})


def sent(body: dict[str, Any] | None) -> dict[str, Any]:
    """What httpx is told to post this."""
    return {"json": body} if body else {}


async def visitor(shop: Shop, user: str, **body: Any) -> Visitor:
    """As the shop's backend would let somebody in."""
    answer = await shop.http.post(f"/v1/inbox/{user}/token", **sent(body))
    assert answer.status_code == 200, answer.text
    return Visitor(shop, answer.json()["token"])
