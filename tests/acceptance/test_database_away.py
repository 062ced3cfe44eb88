"""The database goes away in the middle of traffic, and comes back: each event was taken once, or refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from service import Service, serving
from stack import TemporalServer
from storage.runs import entries_of_person
from storage.tables import events
from tests.door import somebody
from tests.servers import PostgreSQL, free_port, wait_until
from tests.stage import Stage, staged

CLIENTS = 6


class Client:
    """Sends one cart after another, each of a person of its own; every second one that was refused is sent again."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.taken: list[str] = []
        """Persons whose event was answered with 200."""
        self.refused: list[httpx.Response] = []

    async def send_on(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            user = somebody()
            while not await self.send(user) and len(self.refused) % 2:
                pass

    async def send(self, user: str) -> bool:
        cart: dict[str, Any] = {"cart_id": "c", "value": "30", "currency": "EUR"}
        call = {"messageId": f"{user}-e", "userId": user, "event": "Cart Updated", "properties": cart}
        answer = await self.http.post("/v1/track", json=call, auth=("wk", ""))
        if answer.status_code != 200:
            self.refused.append(answer)
            return False
        self.taken.append(user)
        return True


@pytest.fixture
async def server() -> AsyncIterator[PostgreSQL]:
    """One of our own, which can be stopped while others work, and loses nothing that it has committed."""
    server = PostgreSQL(keeps_commits=True)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@pytest.mark.server
@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "crashed"])
async def test_away_for_a_while(temporal: TemporalServer, tmp_path: Path, server: PostgreSQL, crash: bool) -> None:
    """C4: while the database is away events are refused with 503 and a time to try again; whatever was answered with 200,
    before or after, is stored once and its person's journey begun once.

    Killed by: answering 200 in Acceptor._take where the database is unreachable, or letting an error of the database end
    the relay's look for what is left.
    """
    url = server.url(await server.create_database())
    async with staged(url, temporal.address, tmp_path, port=free_port(), write_keys="wk") as stage:
        service = Service(stage.settings, stage.database, stage.client, stage.catalogue, stage.acceptor, stage.relay)
        base = f"http://127.0.0.1:{stage.settings.port}"
        async with serving(service), httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as http:
            clients, enough = [Client(http) for _ in range(CLIENTS)], asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(client.send_on(enough))
                await wait_until(lambda: all(len(client.taken) >= 3 for client in clients), 30)
                await server.leave(crash=crash)
                await wait_until(lambda: all(len(client.refused) >= 3 for client in clients), 30)
                before = {user for client in clients for user in client.taken}
                health = await http.get("/health")
                assert (health.status_code, health.headers["Retry-After"]) == (503, "2")
                await server.come_back()
                await wait_until(lambda: all(len(set(client.taken) - before) >= 3 for client in clients), 30)
                enough.set()
            await wait_until(stage.relay.idle, 60)
            assert (await http.get("/health")).json() == {"status": "ok", "unrouted": 0, "set_aside": 0}
        refusals = [answer for client in clients for answer in client.refused]
        assert {(answer.status_code, answer.headers["Retry-After"]) for answer in refusals} == {(503, "2")}
        await each_once(stage, [user for client in clients for user in client.taken])


async def each_once(stage: Stage, users: list[str]) -> None:
    """Each of these persons' events is stored once, and has opened one run."""
    async with stage.database.read() as connection:
        stored = Counter((await connection.execute(select(events.c.event_id))).scalars())
        assert {stored[f"{user}-e"] for user in users} == {1}
        for user in users:
            assert [entry.state for entry in await entries_of_person(connection, user)] == ["started"]
    for user in users[:: len(users) // 10]:
        assert await stage.is_open("cart_abandonment", user, "c")
