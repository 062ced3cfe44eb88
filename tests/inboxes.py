"""The door for in-app messages over a database, without a server, and somebody who puts messages there."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ingestion.app import FrontDoor
from ingestion.inbox import inbox_routes
from ingestion.opaque import Opaque
from messages import RenderedCard
from storage.database import Database
from storage.ledger import Send, keep, send_key, step_key
from storage.people import lock_people, read_person
from tests.door import Door, opened_door

CARD = RenderedCard("Still here", "Your tent waits", "https://shop.example/cart", "Go", "https://shop.example/1.png")
NUMBERS = itertools.count(1)


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


async def put(database: Database, user: str, *, channel: str = "in_app", expires_in: timedelta | None = None) -> str:
    """Put a message into our own outbox as a claim does; returns its id."""
    now, number = datetime.now(UTC), str(next(NUMBERS))
    step = step_key("j", "", user, number, 1)
    line = Send(
        send_key(step, channel), step, user, "j", "", "e", number, channel, "cart/still_here", "carts", "marketing",
        "accepted", now, now,
    )  # fmt: skip
    async with database.write() as connection:
        await lock_people(database, connection, [user], now)
        await keep(database, connection, line, asdict(CARD), None if expires_in is None else now + expires_in)
    return line.send_key


@asynccontextmanager
async def opened_shop(database: str | Database) -> AsyncIterator[Shop]:
    """Over the database of that URL, or over this one; closed at the end."""
    async with opened_door(database) as door:
        front = FrontDoor(door.acceptor, door.database, frozenset({"wk"}))
        app = front.app(*inbox_routes(door.database, Opaque("test secret"), front.keys.lets_in))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://shop.example.com",
            headers={"Authorization": "Bearer wk"},
        ) as http:
            yield Shop(door, http)
