"""Who does what in the soak: people enter at one rate and leave again, and others do what no journey cares about."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx
from temporalio.client import Client

from ingestion.departures import ENTRY
from storage.ledger import send_key, step_key
from tests.servers import wait_until

from .gap_traffic import GOAL
from .posting import posted

RATE = 10.0
"""Journeys entered a second; as many end."""
BESIDE = 100.0
"""Events a second that no journey cares about."""
BATCH = 20
"""How many of those a client collects."""
READERS = 2000
PATIENCE = 60.0
"""Seconds that an email may take before its person leaves without it."""
JOURNEY = "soak"
EMAIL = "email onboarding/welcome"


def entry_of(number: int) -> str:
    """The id of the event that enters them."""
    return f"soak-{number}-in"


def end_of(number: int) -> str:
    """The id of the event that ends their journey."""
    return f"soak-{number}-out"


def key_of(number: int) -> str:
    """The send key of their email, by what the journey says."""
    return send_key(step_key(JOURNEY, f"soak-{number}", entry_of(number), EMAIL, 1), "email")


class Traffic:
    """Everything is posted at its time, whatever the answers take."""

    def __init__(self, http: httpx.AsyncClient, url: str, accepted: Mapping[str, int], stays: float) -> None:
        """`stays` seconds after they have entered, people end their journey, if the provider has `accepted` their email."""
        self._http = http
        self._url = url
        self._accepted = accepted
        self._stays = stays
        self.sent: dict[str, float] = {}
        """When each email was asked for: send key to time.monotonic() just before the request."""
        self.entered: set[int] = set()
        self.left: set[int] = set()
        self.events = 0
        """All that were answered with 200."""
        self.seconds: list[float] = []
        """From each request to its 200."""
        self.repeated = 0
        self.late = 0.0
        """By how much the latest request went out after its time: this programme's own fault."""

    async def run(self, most: int, over: Callable[[], bool], show: Callable[[int], None]) -> None:
        """Let so many people in, none any more once it is `over`; return when all of them have left."""
        finished = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beside(group, finished))
            async for number in self._paced(RATE, over):
                if number >= most:
                    break
                group.create_task(self._customer(number))
                show(number + 1)
            finished.set()

    async def _beside(self, group: asyncio.TaskGroup, finished: asyncio.Event) -> None:
        async for number in self._paced(BESIDE / BATCH, finished.is_set):
            places = range(number * BATCH, (number + 1) * BATCH)
            group.create_task(self._post("batch", {"batch": [_read(place) for place in places]}, BATCH))

    async def _paced(self, rate: float, over: Callable[[], bool]) -> AsyncIterator[int]:
        """One number after another, each at its time."""
        began = time.monotonic()
        for number in itertools.count():
            due = began + number / rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            if over():
                return
            self.late = max(self.late, time.monotonic() - due)
            yield number

    async def _customer(self, number: int) -> None:
        """Enter, get an email, stay, leave; not before the email, which is not sent any more when its goal has come."""
        key = key_of(number)
        began = self.sent[key] = time.monotonic()
        await self._post("batch", {"batch": _entering(number)}, 2)
        self.entered.add(number)
        await asyncio.sleep(max(began + self._stays - time.monotonic(), 0))
        with suppress(AssertionError):  # then it is lost, and counted so
            await wait_until(lambda: self._accepted[key], PATIENCE)
        await self._post("track", _leaving(number), 1)
        self.left.add(number)

    async def _post(self, door: str, body: dict[str, Any], events: int) -> None:
        began = time.monotonic()
        answer, repeated = await posted(self._http, f"{self._url}/v1/{door}", body)
        answer.raise_for_status()
        self.seconds.append(time.monotonic() - began)
        self.repeated += repeated
        self.events += events

    def acknowledged(self) -> frozenset[str]:
        """The ids of the events that a journey must have seen."""
        return frozenset([*map(entry_of, self.entered), *map(end_of, self.left)])


async def seen(client: Client) -> Counter[str]:
    """How often Temporal has seen each event: as what opened a run, and as the goal that has ended one."""
    found: Counter[str] = Counter()
    at_once = asyncio.Semaphore(16)

    async def goal(workflow_id: str) -> None:
        async with at_once:
            told = await client.get_workflow_handle(workflow_id).result()
        if ended_by := GOAL.match(told["outcome"]):
            found[ended_by[1]] += 1

    async with asyncio.TaskGroup() as group:
        async for run in client.list_workflows(f'WorkflowType = "{JOURNEY}"'):
            found[str(await run.memo_value(ENTRY))] += 1
            if run.close_time is not None:
                group.create_task(goal(run.id))
    return found


def _entering(number: int) -> list[dict[str, Any]]:
    user = f"soak-{number}"
    return [
        {"type": "identify", "userId": user, "messageId": f"{user}-who", "traits": {"email": f"{user}@example.com"}},
        {"type": "track", "event": "Order Refunded", "messageId": entry_of(number), **_order(user)},
    ]


def _leaving(number: int) -> dict[str, Any]:
    return {"event": "Order Cancelled", "messageId": end_of(number), **_order(f"soak-{number}")}


def _order(user: str) -> dict[str, Any]:
    return {"userId": user, "properties": {"order_id": user}}


def _read(place: int) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Help Article Read",
        "userId": f"reader-{place % READERS}",
        "messageId": f"read-{place}",
        "properties": {"article": f"a-{place % 100}", "seconds": place % 60},
    }
