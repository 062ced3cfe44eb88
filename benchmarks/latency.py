"""From the HTTP request to the provider being called, and how far that holds as entries come faster."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from temporalio.client import Client

from benchmarks import bare
from benchmarks.figures import percentile
from tests.doubles.sendgrid import Call, SendGridDouble
from tests.servers import free_port, wait_until

SECONDS = 12
LIMIT = 1.0
"""The brief's bar: p99 below one second."""
STEPS = (20, 30, 35, 40, 45, 50, 55, 60, 70, 80)


@dataclass(frozen=True)
class Stack:
    """The shipped stack in processes of its own, its provider a double in ours."""

    front_door: str
    temporal: str
    double: SendGridDouble
    pid: int
    """The process of ours; Temporal's is its child."""


@asynccontextmanager
async def shipped(data_dir: Path) -> AsyncIterator[Stack]:
    """`python starter.py run`, as a user starts it, with SendGrid's credentials set."""
    port, temporal_port = free_port(), free_port()
    async with SendGridDouble(keep_bodies=True) as double:
        environment = os.environ | {
            "JOURNEYMAN_DATA_DIR": str(data_dir),
            "JOURNEYMAN_PORT": str(port),
            "JOURNEYMAN_TEMPORAL_PORT": str(temporal_port),
            "JOURNEYMAN_UI_PORT": str(free_port()),
            "JOURNEYMAN_WRITE_KEYS": "bench",
            "JOURNEYMAN_QUIET_HOURS": "",
            "JOURNEYMAN_CAPS": "",
            "SENDGRID_API_KEY": "SG.double",
            "JOURNEYMAN_SENDGRID_URL": double.url,
            "no_proxy": "*",
        }
        with (data_dir / "run.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "starter.py", "run", env=environment, stdout=log, stderr=log
            )
        front_door = f"http://127.0.0.1:{port}"
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                await wait_until(lambda: _healthy(http, front_door), 60)
            yield Stack(front_door, f"127.0.0.1:{temporal_port}", double, process.pid)
        finally:
            process.terminate()
            await process.wait()


async def customers(stack: Stack, count: int) -> list[str]:
    """People who have been here before: known by address, each asleep in the win-back journey, as regulars are."""
    users = [f"u-{uuid.uuid4().hex[:12]}" for _ in range(count)]
    async with httpx.AsyncClient(trust_env=False, auth=("bench", ""), timeout=60) as http:
        for place in range(0, count, 50):
            batch = [call for user in users[place : place + 50] for call in _visit(user)]
            answer = await http.post(f"{stack.front_door}/v1/batch", json={"batch": batch})
            answer.raise_for_status()

        async def all_asleep() -> bool:
            return bool((await http.get(f"{stack.front_door}/health")).json()["unrouted"] == 0)

        await wait_until(all_asleep, 120)
    return users


async def latencies(stack: Stack, rate: float, seconds: float = SECONDS) -> list[float]:
    """Seconds from each request to the provider's double being called; people buy at that rate whatever happens."""
    sent: dict[str, float] = {}
    users = await customers(stack, round(rate * seconds))
    stack.double.calls.clear()
    async with httpx.AsyncClient(trust_env=False, auth=("bench", ""), timeout=30) as http:

        async def one(user: str) -> None:
            sent[f"{user}@example.com"] = time.monotonic()
            answer = await http.post(f"{stack.front_door}/v1/track", json=_purchase(user))
            answer.raise_for_status()

        await bare.paced([one(user) for user in users], rate)
    await bare.until(lambda: len(stack.double.calls) >= len(sent), 30)
    called = {_recipient(call): call.monotonic for call in stack.double.calls}
    return [called.get(address, time.monotonic()) - moment for address, moment in sent.items()]


async def highest(stack: Stack) -> float:
    """The highest of STEPS at which p99 stays below LIMIT."""
    best = 0.0
    for rate in STEPS:
        if percentile(await latencies(stack, rate), 0.99) >= LIMIT:
            break
        best = rate
    return best


async def highest_bare(client: Client) -> float:
    """The same for a workflow of one empty activity, from the start call to the activity's first line."""
    best = 0.0
    async with bare.worker(client):
        for rate in STEPS:
            if percentile(await bare.latencies(client, rate, SECONDS), 0.99) >= LIMIT:
                break
            best = rate
    return best


def _recipient(call: Call) -> str:
    assert call.body is not None, "the double was told to keep bodies"
    return str(call.body["personalizations"][0]["to"][0]["email"])


async def _healthy(http: httpx.AsyncClient, front_door: str) -> bool:
    try:
        return (await http.get(f"{front_door}/health")).status_code == 200
    except httpx.TransportError:
        return False


def _visit(user: str) -> list[dict[str, object]]:
    traits = {"email": f"{user}@example.com", "firstName": "Ada", "timezone": "Europe/Berlin"}
    return [
        {"type": "identify", "userId": user, "messageId": f"{user}-1", "traits": traits},
        {"type": "page", "userId": user, "messageId": f"{user}-2", "properties": {"path": "/"}},
    ]


def _purchase(user: str) -> dict[str, object]:
    shoes = {"product_id": "p-1", "name": "Blue Shoes", "category": "Shoes", "price": "59.90", "quantity": 1}
    facts = {"order_id": f"o-{user}", "value": "59.90", "currency": "EUR", "products": [shoes]}
    return {"userId": user, "messageId": f"{user}-3", "event": "Order Completed", "properties": facts}
