"""Who says what in the relay's gap, in which order, and how each event is looked for in Temporal afterwards."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus

from ingestion.departures import ENTRY

HEARD = 19
"""Events that each listening run is told, beside the one that opened it."""
GOAL = re.compile(r"^ended by Order Cancelled \((.+)\)$")


@dataclass(frozen=True)
class Said:
    """One event of one person."""

    user: str
    id: str
    name: str

    def call(self) -> dict[str, Any]:
        """As a tracking client posts it."""
        properties = {"order_id": self.user}
        return {
            "type": "track", "event": self.name, "userId": self.user, "messageId": self.id, "properties": properties,
        }  # fmt: skip


def traffic(count: int, chances: random.Random) -> list[Said]:
    """About that many events: two fifths to runs that listen, the others open runs in their quiet, and end every other.

    Everybody's own events keep their order; whose turn it is, is chance.
    """
    ears = max(count * 2 // 5 // (HEARD + 1), 1)
    gaps = max((count - ears * (HEARD + 1)) * 2 // 3, 2)
    lives = [[*_life(f"ear-{number}", HEARD)] for number in range(ears)]
    lives += [[*_life(f"gap-{number}", number % 2)] for number in range(gaps)]
    turns = [place for place, life in enumerate(lives) for _ in life]
    chances.shuffle(turns)
    begun = [iter(life) for life in lives]
    return [next(begun[place]) for place in turns]


def _life(user: str, cancellations: int) -> Iterator[Said]:
    yield Said(user, f"{user}-0", "Order Refunded")
    for number in range(1, cancellations + 1):
        yield Said(user, f"{user}-{number}", "Order Cancelled")


async def seen(client: Client) -> Counter[str]:
    """How often a journey has seen each event: opened by it, ended by it, or told of it. Listening runs end by this."""
    found: Counter[str] = Counter()
    at_once = asyncio.Semaphore(16)

    async def account(workflow_id: str, *, stop: bool) -> None:
        async with at_once:
            run = client.get_workflow_handle(workflow_id)
            if stop:
                await run.execute_update("stop")
            told = await run.result()
        found.update(told.get("untaken", ()))
        if goal := GOAL.match(told["outcome"]):
            found[goal[1]] += 1

    jobs = []
    for journey in ("gap", "ear"):
        async for run in client.list_workflows(f'WorkflowType = "{journey}"'):
            found[str(await run.memo_value(ENTRY))] += 1
            if journey == "ear" or run.status is WorkflowExecutionStatus.COMPLETED:
                jobs.append(account(run.id, stop=run.status is WorkflowExecutionStatus.RUNNING))
    await asyncio.gather(*jobs)
    return found
