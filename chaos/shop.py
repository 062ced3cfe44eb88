"""The shipped stack as an operator runs it: Temporal, front doors and workers, each a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
from sqlalchemy import select
from temporalio.client import Client

from stack import TemporalServer
from storage.database import Database
from storage.ledger import Status
from storage.tables import sends
from tests import programs
from tests.doubles.sendgrid import SendGridDouble
from tests.servers import free_port, wait_until

from .program import Program

EXTRA = Path(__file__).parent / "extra"
"""Its folder `journeys` joins the project's in every process that has it on its path."""
KEY = "wk"
START = 90
"""Seconds that a program may take to be ready on a busy machine."""


class Shop:
    """Everything that runs, and how each part is taken away."""

    def __init__(
        self,
        home: Path,
        database_url: str,
        double: SendGridDouble,
        *,
        workers: int,
        worker: str = "worker.py",
        doors: int = 1,
        **changes: str,
    ) -> None:
        self.double = double
        self.temporal_kills = 0
        place = programs.Place(home, CAPS="")
        self.server = TemporalServer(home / "temporal", port=place.temporal_port, ui_port=place.ui_port)
        ports = [place.port, *(free_port() for _ in range(1, doors))]
        self.urls = tuple(f"http://127.0.0.1:{port}" for port in ports)
        self.url = self.urls[0]
        self.secret = place.environment["JOURNEYMAN_SECRET"]
        self.environment = place.environment | {
            "JOURNEYMAN_CAPS": "",
            "JOURNEYMAN_DATABASE": database_url,
            "JOURNEYMAN_SENDGRID_URL": double.url,
            "JOURNEYMAN_WEBHOOKS": "",
            "PYTHONPATH": str(EXTRA),
            "SENDGRID_API_KEY": double.api_key,
            "SENDGRID_WEBHOOK_KEY": double.signer.public_key,
            "TEMPORAL_ADDRESS": self.server.address,
            "no_proxy": "*",
            **changes,
        }
        self.doors = [
            Program(
                home / (f"door-{number}.log" if number else "door.log"),
                self.environment | {"JOURNEYMAN_PORT": str(port)},
                "starter.py",
                "serve",
                ready="Front door",
            )
            for number, port in enumerate(ports)
        ]
        self.door = self.doors[0]
        self.workers = [
            Program(home / f"worker-{number}.log", self.environment, worker, ready='"working"')
            for number in range(workers)
        ]
        self.database = Database(database_url)
        self.client: Client

    async def open(self) -> None:
        """Start it all, and return when it answers."""
        await self.server.start()
        for door in self.doors:
            door.start()
        for url in self.urls:
            await self.answers(url)
        for worker in self.workers:
            worker.start()
        self.client = await Client.connect(self.server.address)
        await self.double.tells(f"{self.url}/v1/webhooks/sendgrid")

    async def close(self) -> None:
        """End every process that this has started."""
        for program in (*self.workers, *self.doors):
            program.end()
        await self.server.stop()
        await self.database.close()

    async def answers(self, url: str = "") -> None:
        """Wait until the front door is healthy, the first one if none is named."""
        door = self.doors[self.urls.index(url or self.url)]

        async def healthy() -> bool:
            try:
                async with httpx.AsyncClient(trust_env=False) as http:
                    return (await http.get(f"{url or self.url}/health")).status_code == 200
            except httpx.TransportError:
                return False

        try:
            await wait_until(healthy, START)
        except AssertionError:
            raise RuntimeError(f"the front door does not answer: {door.last_words()}") from None

    async def kill_temporal(self, away: float) -> None:
        """`kill -9` the server, and start it on its file after so many seconds."""
        if self.server.pid is not None:
            psutil.Process(self.server.pid).kill()
            await wait_until(lambda: self.server.pid is None)
            self.temporal_kills += 1
        await asyncio.sleep(away)
        await self.server.start()

    async def ledger(self) -> Mapping[str, Status]:
        """What is written of each send key."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(sends.c.send_key, sends.c.status))
            return {row.send_key: row.status for row in rows}


@asynccontextmanager
async def opened(
    home: Path,
    url: str,
    double: SendGridDouble,
    *,
    workers: int,
    worker: str = "worker.py",
    doors: int = 1,
    **changes: str,
) -> AsyncIterator[Shop]:
    """The shop for as long as the block lasts, however it ends; `worker` is the program, `changes` are variables."""
    shop = Shop(home, url, double, workers=workers, worker=worker, doors=doors, **changes)
    try:
        await shop.open()
        yield shop
    finally:
        await shop.close()
