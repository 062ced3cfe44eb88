"""The shipped programs, killed with -9 in the middle of journeys: every person gets exactly what was due."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import select
from temporalio.client import Client

from ingestion.departures import workflow_id
from stack import TemporalServer
from storage import routing, runs
from storage.database import Database
from storage.tables import events, outbox, sends
from tests.door import somebody
from tests.programs import Place, Program, answers
from tests.servers import wait_until
from timelapse import Timelapse

pytestmark = pytest.mark.server
RETRIED = 75
"""Seconds within which what a killed worker had begun is done by another: an activity is given up after 30."""


class Shop:
    """Temporal, a worker and a front door, each a process of its own, and a look into their database."""

    def __init__(self, home: Path) -> None:
        self.place = Place(home)
        self.server = TemporalServer(
            home / "temporal", port=self.place.temporal_port, ui_port=self.place.ui_port, time_skipping=True
        )
        self.place.changes = {"TEMPORAL_ADDRESS": self.server.address}
        self.worker = Program(self.place, "worker.py")
        self.door = Program(self.place, "starter.py", "serve")
        self.database = Database(f"sqlite:///{home / 'journeyman.db'}")
        self.client: Client

    async def open(self) -> None:
        await self.server.start()
        self.door.start()
        await answers(self.place)
        await self.work()
        self.client = await Client.connect(self.server.address)

    async def work(self) -> None:
        self.worker.start()
        await self.worker.says("working")

    async def close(self) -> None:
        self.worker.end()
        self.door.end()
        await self.server.stop()
        await self.database.close()

    async def tell(self, *messages: dict[str, Any]) -> bool:
        """Hand a batch to the front door; whether it said 200."""
        url = f"http://127.0.0.1:{self.place.port}/v1/batch"
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            with suppress(httpx.TransportError):
                answer = await http.post(url, json={"batch": messages}, headers={"Authorization": "Bearer wk"})
                return answer.status_code == 200
        return False

    async def rows(self, query: Any) -> Sequence[Any]:
        async with self.database.read() as connection:
            return (await connection.execute(query)).all()

    async def routed(self) -> None:
        """Wait until every accepted event has reached Temporal."""

        async def nothing_left() -> bool:
            async with self.database.read() as connection:
                return not await routing.backlog(connection)

        await wait_until(nothing_left, RETRIED)

    async def wake(self, users: Sequence[str]) -> None:
        """Move each one's cart run to its next wake, as soon as it sleeps."""
        lapse, at_once = Timelapse(self.client), asyncio.Semaphore(8)

        async def wake(user: str) -> None:
            handle = self.client.get_workflow_handle(workflow_id(runs.Place("cart_abandonment", user, "c")))
            async with at_once:
                await wait_until(lambda: lapse.wake(handle), RETRIED)

        await asyncio.gather(*(wake(user) for user in users))

    async def sent(self, template: str) -> Counter[str]:
        """How many messages of that template each person really got, by the outbox."""
        return Counter(row.user_id for row in await self.rows(select(outbox).where(outbox.c.template == template)))

    async def has_sent(self, template: str, least: int) -> None:
        """Wait until that many of these messages are out."""

        async def enough() -> bool:
            return (await self.sent(template)).total() >= least

        await wait_until(enough, RETRIED)

    async def got(self, users: Sequence[str], *templates: str) -> None:
        """Each of them has got each of these once, nobody anything else, and the ledger says the same."""
        for template in templates:
            await self.has_sent(template, len(users))
        wanted = Counter((user, template) for user in users for template in templates)
        assert Counter((row.user_id, row.template) for row in await self.rows(select(outbox))) == wanted
        ledger = await self.rows(select(sends))
        assert Counter((row.user_id, row.template) for row in ledger) == wanted
        assert {row.status for row in ledger} == {"accepted"}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path)
    try:
        await shop.open()
        yield shop
    finally:
        await shop.close()


def carts(users: Sequence[str]) -> list[dict[str, Any]]:
    """Each of them is known and fills a cart."""
    known = [{"type": "identify", "traits": {"email": f"{user}@example.com"}, "userId": user} for user in users]
    cart = {
        "type": "track",
        "event": "Cart Updated",
        "properties": {"cart_id": "c", "value": "59.90", "currency": "EUR"},
    }
    return [*known, *({**cart, "userId": user, "messageId": f"{user}-cart"} for user in users)]


async def test_the_worker_is_killed(shop: Shop) -> None:
    """B3: a worker that is killed while it sends, and again while people wait, costs nobody a message and sends none twice."""
    users = [somebody() for _ in range(20)]
    assert await shop.tell(*carts(users))
    await shop.routed()
    waking = asyncio.create_task(shop.wake(users))
    await shop.has_sent("cart/still_here", 3)
    shop.worker.kill()
    assert (await shop.sent("cart/still_here")).total() < len(users), "it was killed too late to matter"
    await shop.work()
    await waking
    await shop.got(users, "cart/still_here")
    shop.worker.kill()
    bought = users[0]
    order = {"type": "track", "event": "Order Completed", "properties": {"cart_id": "c"}, "userId": bought}
    assert await shop.tell(order)
    await shop.routed()
    await shop.work()
    await shop.wake(users[1:])
    await shop.has_sent("cart/last_call", len(users) - 1)
    assert await shop.sent("cart/last_call") == Counter(users[1:])
    assert await shop.sent("cart/still_here") == Counter(users)


async def test_the_front_door_is_killed(shop: Shop) -> None:
    """C4: what was answered with 200 before the front door was killed is there; the rest may be sent again; nobody enters twice."""
    users = [somebody() for _ in range(64)]
    acknowledged: set[str] = set()

    async def tell(those: Sequence[str]) -> None:
        for user in those:
            if await shop.tell(*carts([user])):
                acknowledged.add(user)

    telling = [asyncio.create_task(tell(users[start::8])) for start in range(8)]
    await wait_until(lambda: len(acknowledged) >= 5)
    shop.door.kill()
    await asyncio.gather(*telling)
    before = set(acknowledged)
    assert len(before) < len(users), "it was killed too late to matter"
    stored = {row.user_id for row in await shop.rows(select(events).where(events.c.name == "Cart Updated"))}
    assert before <= stored
    shop.door.start()
    await answers(shop.place)
    await tell([user for user in users if user not in before])
    assert acknowledged == set(users)
    await shop.routed()
    found = await shop.rows(select(events).where(events.c.name == "Cart Updated"))
    assert Counter(row.user_id for row in found) == Counter(users)
    await shop.wake(users)
    await shop.got(users, "cart/still_here")


async def test_temporal_is_killed(shop: Shop) -> None:
    """A Temporal server that is killed in the middle knows its runs again, and everybody gets what was due once."""
    users = [somebody() for _ in range(8)]
    assert await shop.tell(*carts(users[:4]))
    await shop.routed()
    await shop.wake(users[:4])
    await shop.got(users[:4], "cart/still_here")
    assert shop.server.pid is not None
    psutil.Process(shop.server.pid).kill()
    await wait_until(lambda: shop.server.pid is None)
    assert await shop.tell(*carts(users[4:]))
    await shop.server.start()
    await shop.routed()
    await shop.wake(users[4:])
    await shop.got(users, "cart/still_here")
    await shop.wake(users)
    await shop.got(users, "cart/still_here", "cart/last_call")
