"""Whole journeys of three emails through the real stack: entered over HTTP, and counted by Temporal's own word."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import httpx
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from ingestion.departures import ENTRY
from storage.ledger import send_key, step_key

from .shop import KEY, Shop

JOURNEY = "trio"
TEMPLATES = ("win_back/we_miss_you", "win_back/last_offer", "onboarding/checklist")
STUCK = 240
"""Seconds without any change after which what is still open is given up: an attempt that died is seen after 30."""


def user_of(number: int) -> str:
    return f"walker-{number}"


def entry_of(number: int) -> str:
    """The id of the event that enters them."""
    return f"trio-entry-{number}"


def keys_of(number: int) -> list[str]:
    """The send keys of the three emails, by what the journey says."""
    steps = [step_key(JOURNEY, f"trio-{number}", entry_of(number), f"email {name}", 1) for name in TEMPLATES]
    return [send_key(step, "email") for step in steps]


class Walks:
    """Sends people into the journey, and waits until all of them have come out."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.entered: set[int] = set()
        """Those whose event the front door has answered with 200."""
        self.repeated = 0
        """Posts that had to be sent again."""
        self._http = httpx.AsyncClient(trust_env=False, timeout=20, auth=(KEY, ""))

    async def close(self) -> None:
        await self._http.aclose()

    async def enter(self, numbers: Iterable[int]) -> None:
        """Post these people and their event until the front door says 200, as a tracking client does.

        RuntimeError if it has not said so for STUCK seconds.
        """
        numbers, loop, said = [*numbers], asyncio.get_running_loop(), "nothing"
        began = loop.time()
        body = {"batch": [call for number in numbers for call in _calls(number)]}
        while True:
            try:
                answer = await self._http.post(f"{self.shop.url}/v1/batch", json=body)
                if answer.status_code == 200:
                    self.entered.update(numbers)
                    return
                said = str(answer.status_code)
            except httpx.TransportError as error:
                said = type(error).__name__
            if loop.time() - began > STUCK:
                raise RuntimeError(f"the front door has not taken an event for {STUCK} s; its last answer: {said}")
            self.repeated += 1
            await asyncio.sleep(0.3)

    def wanted(self) -> frozenset[str]:
        """The send keys of all who have entered."""
        return frozenset(key for number in self.entered for key in keys_of(number))

    def acknowledged(self) -> frozenset[str]:
        """The ids of the events that were answered with 200."""
        return frozenset(entry_of(number) for number in self.entered)

    async def inside(self) -> int | None:
        """How many are still on their way, by Temporal's word; None while it does not answer."""
        runs, open_ = await self._state()
        return None if runs < 0 else len(self.entered) - (runs - open_)

    async def over(self, show: Callable[[int], None] = lambda inside: None, *, resets: int = 0) -> bool:
        """Wait until every run of theirs, and so many more, have closed; False if nothing has moved for too long."""
        loop = asyncio.get_running_loop()
        before, moved = (-1, -1, -1), loop.time()
        while True:
            state = await self._state()
            if state == (len(self.entered) + resets, 0):
                return True
            show(state[1])
            now = (*state, self.shop.double.accepted.total())
            if now != before:
                before, moved = now, loop.time()
            elif loop.time() - moved > STUCK:
                return False
            await asyncio.sleep(1)

    async def seen(self) -> Counter[str]:
        """How many runs each entry has opened, whatever became of them."""
        runs = self.shop.client.list_workflows(f'WorkflowType = "{JOURNEY}"')
        return Counter([str(await run.memo_value(ENTRY)) async for run in runs])

    async def broken(self) -> list[str]:
        """Runs that did not end as they should."""
        runs = self.shop.client.list_workflows(f'WorkflowType = "{JOURNEY}"')
        return [run.id async for run in runs if run.status is not WorkflowExecutionStatus.COMPLETED]

    async def _state(self) -> tuple[int, int]:
        """How many runs there are, and how many of them are open."""
        try:
            counts = [
                (await self.shop.client.count_workflows(f'WorkflowType = "{JOURNEY}"{more}')).count
                for more in ("", ' AND ExecutionStatus = "Running"')
            ]
        except RPCError:
            return -1, -1
        return counts[0], counts[1]


def _calls(number: int) -> list[dict[str, Any]]:
    user = user_of(number)
    return [
        {"type": "identify", "userId": user, "messageId": f"{user}-who", "traits": {"email": f"{user}@example.com"}},
        {
            "type": "track",
            "event": "Order Cancelled",
            "userId": user,
            "messageId": entry_of(number),
            "properties": {"order_id": f"trio-{number}"},
        },
    ]
