"""Clients that do nothing wrong, at a steady pace, in a process of their own: `python -m chaos.honest URL KEY PACE CANARY`.

They stop when their input ends, and then print what became of every event as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
import uvloop

PATIENCE = 30.0
"""Seconds that an answer may take."""


@dataclass
class Account:
    """What they have to tell. Moments are those of the machine's monotonic clock, the same in every process."""

    taken: list[str] = field(default_factory=list)
    """Ids of the events that were answered with 200."""
    answers: list[tuple[float, float]] = field(default_factory=list)
    """When each request was due, and how many milliseconds later it was answered."""
    refused: list[str] = field(default_factory=list)
    """What was heard instead of 200."""


def body_of(number: int, canary: str) -> tuple[str, dict[str, Any]]:
    """Which door, and what is said there: a batch, a person's address, or one event."""
    user, event_id = f"honest-{number % 200}", f"honest-{number}"
    if number % 3 == 0:
        batch = [
            {"type": "track", "messageId": f"{event_id}-{n}", "userId": user, "event": "Anything"} for n in range(5)
        ]
        return "batch", {"batch": batch}
    if number % 3 == 1:
        return "identify", {"messageId": event_id, "userId": user, "traits": {"email": f"{canary}@example.com"}}
    facts = {"product_id": "p-1", "name": "Tent", "price": "59.90"}
    return "track", {"messageId": event_id, "userId": user, "event": "Product Viewed", "properties": facts}


def ids_of(body: dict[str, Any]) -> list[str]:
    """The ids of all events of a body."""
    return [str(each["messageId"]) for each in body.get("batch", [body])]


async def post(http: httpx.AsyncClient, number: int, canary: str, due: float, account: Account) -> None:
    path, body = body_of(number, canary)
    try:
        answer = await http.post(f"/v1/{path}", json=body)
    except httpx.TransportError as error:
        account.refused.append(type(error).__name__)
        return
    account.answers.append((due, (time.monotonic() - due) * 1000))
    if answer.status_code == 200 and "rejected" not in answer.json():
        account.taken += ids_of(body)
    else:
        account.refused.append(str(answer.status_code))


async def work(url: str, key: str, pace: float, canary: str) -> None:
    """Post at that pace, whatever the answers, until the input ends; whoever waits is waited for."""
    over, account, number = asyncio.Event(), Account(), 0
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    ending = asyncio.create_task(reader.read())
    ending.add_done_callback(lambda _: over.set())
    # A connection is given up here before the door gives it up: else a request may meet one that is just being closed.
    limits = httpx.Limits(keepalive_expiry=2)
    async with (
        httpx.AsyncClient(base_url=url, auth=(key, ""), trust_env=False, timeout=PATIENCE, limits=limits) as http,
        asyncio.TaskGroup() as group,
    ):
        due = time.monotonic()
        while not over.is_set():
            group.create_task(post(http, number, canary, due, account))
            number, due = number + 1, max(due + 1 / pace, time.monotonic() - 1)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), max(due - time.monotonic(), 0))
    sys.stdout.write(json.dumps(asdict(account)) + "\n")


if __name__ == "__main__":
    uvloop.run(work(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]))
