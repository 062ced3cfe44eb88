"""Whole journeys a second, ours against a bare workflow, turn by turn on one server."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from temporalio.client import Client

from benchmarks import bare
from benchmarks.figures import Cpu
from ingestion.incoming import Incoming
from ingestion.relay import Relay
from service import receiving
from settings import Settings
from storage.database import Database
from storage.migrate import migrate
from storage.tables import sends
from worker import working
from workflows.catalogue import Catalogue

COUNT = 200
AT_ONCE = 16


@dataclass(frozen=True)
class Round:
    """One turn: journeys a second, and CPU seconds of server and worker for each."""

    rate: float
    server: float
    worker: float


async def ours(client: Client, settings: Settings, server_pid: int, number: int) -> Round:
    """Events are stored first; the clock runs from the relay's first look to the last settled send."""
    catalogue = Catalogue([listed for listed in Catalogue.load() if listed.journey.name == "bench_reminder"])
    database = Database(settings.database_url)
    try:
        await migrate(database)
        async with (
            working(client, settings, database, catalogue),
            receiving(settings, database, client, catalogue) as service,
        ):
            await service.relay.__aexit__()
            now = datetime.now(UTC)
            people = [f"bench-{number}-{place}" for place in range(COUNT)]
            await service.acceptor.accept([_identified(user, now) for user in people])
            now = datetime.now(UTC)
            await service.acceptor.accept([_cart(user, now) for user in people])
            cpu, began = Cpu({"server": server_pid, "worker": os.getpid()}), time.monotonic()
            async with Relay(database, client, catalogue, task_queue=settings.task_queue):
                await bare.until(lambda: _all_settled(database, f"bench-{number}-"), 60)
            took, used = time.monotonic() - began, cpu.used()
        return Round(COUNT / took, used["server"] / COUNT, used["worker"] / COUNT)
    finally:
        await database.close()


async def yardstick(client: Client, server_pid: int) -> Round:
    """The bare workflow with a timer of the same second."""
    async with bare.worker(client):
        cpu = Cpu({"server": server_pid, "worker": os.getpid()})
        took = await bare.whole(client, COUNT, AT_ONCE)
        used = cpu.used()
    return Round(COUNT / took, used["server"] / COUNT, used["worker"] / COUNT)


async def _all_settled(database: Database, prefix: str) -> bool:
    query = select(func.count()).where(sends.c.user_id.startswith(prefix), sends.c.status == "accepted")
    async with database.read() as connection:
        return bool((await connection.execute(query)).scalar() == COUNT)


def _identified(user: str, now: datetime) -> Incoming:
    traits = {"email": f"{user}@example.com", "firstName": "Ada", "timezone": "Europe/Berlin"}
    return Incoming(f"{user}-who", "Identified", now, now, user, None, traits=traits)


def _cart(user: str, now: datetime) -> Incoming:
    shoes = {"product_id": "p-1", "name": "Blue Shoes", "category": "Shoes", "price": "59.90", "quantity": 1}
    facts = {"cart_id": f"bench-{user}", "value": "59.90", "currency": "EUR", "products": [shoes]}
    return Incoming(f"{user}-cart", "Cart Updated", now, now, user, None, properties=facts)


def settings_for(data_dir: Path) -> Settings:
    """Nothing rests and nothing is capped, so that every message counts."""
    return Settings(data_dir=data_dir, quiet_hours="", cap=0, task_queue="bench")
