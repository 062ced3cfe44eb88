"""People in shipped journeys whose quiet is over at one and the same instant, and what Temporal says of their timers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from temporalio.client import WorkflowExecutionStatus

from ingestion.departures import ENTRY
from storage.ledger import send_key, step_key

from .posting import posted
from .shop import KEY, Shop

CARTS, AWAY = "cart_abandonment", "win_back"
STEPS = {
    CARTS: "in_app|push|email cart/still_here",
    AWAY: "email|push win_back/we_miss_you",
}
"""The first step of each: a list of channels of which email alone reaches these people."""
QUIET = {CARTS: timedelta(hours=1), AWAY: timedelta(days=30)}
OURS = f'WorkflowType IN ("{CARTS}", "{AWAY}")'
EACH = 5
"""One in so many has left a cart; the others have been away."""


@dataclass(frozen=True)
class Timer:
    """One run: when it was started, when it is to wake by Temporal's word, and whether it is still in its journey."""

    entry: str
    started: datetime
    fires: datetime
    is_open: bool


def journey_of(number: int) -> str:
    return AWAY if number % EACH else CARTS


def entry_of(number: int) -> str:
    """The id of the event that enters them."""
    return f"sleeper-{number}-entry"


def key_of(number: int) -> str:
    """The send key of their first email, by what the journey says."""
    journey = journey_of(number)
    of_cart = f"cart-{number}" if journey == CARTS else ""
    return send_key(step_key(journey, of_cart, entry_of(number), STEPS[journey], 1), "email")


class Sleepers:
    """Enters people whose event is just so long ago that the quiet after it is over at `instant`."""

    def __init__(self, town: Shop, instant: datetime) -> None:
        self.entered: set[int] = set()
        """Those whose event the front door has answered with 200."""
        self._town = town
        self._instant = instant
        self._http = httpx.AsyncClient(trust_env=False, timeout=20, auth=(KEY, ""))

    async def close(self) -> None:
        await self._http.aclose()

    async def enter(self, numbers: Iterable[int]) -> None:
        """Post these people and what they did last, until the front door says 200."""
        numbers = [*numbers]
        body = {"batch": [call for number in numbers for call in self._calls(number)]}
        while True:
            answer, _ = await posted(self._http, f"{self._town.url}/v1/batch", body)
            if answer.status_code == 200:
                break
            if answer.status_code != 429:
                raise RuntimeError(f"the front door answered {answer.status_code} to people and their events")
            await asyncio.sleep(0.3)
        self.entered.update(numbers)

    async def started(self) -> int:
        """How many runs there are, by Temporal's word."""
        return (await self._town.client.count_workflows(OURS)).count

    async def timers(self) -> list[Timer]:
        """Every run, by Temporal's word."""
        found = []
        async for run in self._town.client.list_workflows(OURS):
            assert run.execution_time is not None
            entry, is_open = str(await run.memo_value(ENTRY)), run.status is WorkflowExecutionStatus.RUNNING
            found.append(Timer(entry, run.start_time, run.execution_time, is_open))
        return found

    def _calls(self, number: int) -> list[dict[str, Any]]:
        journey, user = journey_of(number), f"sleeper-{number}"
        common = {"userId": user, "timestamp": (self._instant - QUIET[journey]).isoformat()}
        if journey == CARTS:
            name, properties = "Cart Updated", {"cart_id": f"cart-{number}", "value": 59.9, "currency": "EUR"}
        else:
            name, properties = "Product Viewed", {"product_id": "p-1", "name": "Kettle"}
        return [
            common | {"type": "identify", "messageId": f"{user}-who", "traits": {"email": f"{user}@example.com"}},
            common | {"type": "track", "event": name, "messageId": entry_of(number), "properties": properties},
        ]
