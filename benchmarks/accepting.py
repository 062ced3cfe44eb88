"""How many events a second a front door accepts over keep-alive connections, ours beside one that only commits."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from sqlalchemy import func, select

from benchmarks.figures import percentile
from benchmarks.line import line
from storage.database import Database
from storage.tables import events
from tests.servers import free_port, wait_until

SECONDS = 6.0
CONNECTIONS = 32
PEOPLE = 1000


@dataclass(frozen=True)
class Accepted:
    """One turn: events a second, seconds from request to answer, CPU seconds of the door for an event, events not found."""

    rate: float
    p50: float
    p99: float
    cpu: float
    missing: int


async def turn(which: str, folder: Path, batch: int) -> Accepted:
    """Keep every connection busy with batches of that size; every event that was answered with 200 is looked for."""
    async with _door(which, folder) as (port, pid):
        process, load = psutil.Process(pid), Load(port, batch)
        before = sum(process.cpu_times()[:2])
        began = time.monotonic()
        await load.run(SECONDS)
        took = time.monotonic() - began
        used = sum(process.cpu_times()[:2]) - before
    database = Database(f"sqlite:///{folder / 'journeyman.db'}")
    async with database.read() as connection:
        found = (await connection.execute(select(func.count()).select_from(events))).scalar() or 0
    await database.close()
    seen = load.seconds
    return Accepted(
        load.accepted / took,
        percentile(seen, 0.5),
        percentile(seen, 0.99),
        used / load.accepted,
        load.accepted - found,
    )


class Load:
    """Clients that each wait for an answer before they send again."""

    def __init__(self, port: int, batch: int) -> None:
        self._port = port
        self._batch = batch
        self._number = 0
        self.accepted = 0
        self.seconds: list[float] = []

    async def run(self, seconds: float) -> None:
        """All connections, for so long."""
        over = time.monotonic() + seconds
        await asyncio.gather(*(self._client(over) for _ in range(CONNECTIONS)))

    async def _client(self, over: float) -> None:
        async with line(self._port, "bench") as door:
            while time.monotonic() < over:
                messages = [self._message() for _ in range(self._batch)]
                path, body = ("track", messages[0]) if self._batch == 1 else ("batch", {"batch": messages})
                began = time.monotonic()
                await door.post(f"/v1/{path}", body)
                self.seconds.append(time.monotonic() - began)
                self.accepted += self._batch

    def _message(self) -> dict[str, object]:
        self._number += 1
        facts = {"product_id": f"p-{self._number % 50}", "name": "Blue Shoes", "category": "Shoes", "price": "59.90"}
        return {
            "type": "track",
            "messageId": f"m-{self._number}",
            "userId": f"u-{self._number % PEOPLE}",
            "event": "Product Viewed",
            "properties": facts,
            "context": {"library": {"name": "analytics-python", "version": "2.3.4"}},
        }


@asynccontextmanager
async def _door(which: str, folder: Path) -> AsyncIterator[tuple[int, int]]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.door", which, str(port), str(folder)
    )
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            await wait_until(lambda: _answers(http, port), 30)
        yield port, process.pid
    finally:
        process.terminate()
        await process.wait()


async def _answers(http: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await http.get(f"http://127.0.0.1:{port}/")).status_code > 0
    except httpx.TransportError:
        return False
