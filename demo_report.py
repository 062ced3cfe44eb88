"""What came of the demo: figures from the ledger and from the runs themselves, and one person's story."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from rich import box
from rich.console import Console
from rich.table import Table
from temporalio.client import WorkflowExecution, WorkflowExecutionStatus

from demo_people import Visitor
from ingestion.departures import ENTRY, workflow_id
from service import Service
from storage.counts import Pile, accepted_events, held_messages, message_piles, repeated_steps, started_entries
from tell import story_of

CHANNELS = ("email", "push", "in_app")


async def summed_up(
    service: Service, visitors: Sequence[Visitor], sent: int, took: list[timedelta], held: dict[str, str]
) -> dict[str, Any]:
    """The summary as JSON. Nothing in it is known beforehand: all is counted."""
    async with service.database.read() as connection:
        accepted, repeated = await accepted_events(connection), await repeated_steps(connection)
        piles, entries = await message_piles(connection), await started_entries(connection)
        waiting = await held_messages(connection)
    ends = await _ends(service, {(workflow_id(place), event_id) for place, event_id in entries})
    journeys = {}
    for listed in service.catalogue:
        name = listed.journey.name
        mine = [pile for pile in piles if pile.journey == name]
        kinds = Counter(how for journey, how in ends if journey == name)
        journeys[name] = {
            "kind": listed.journey.kind,
            "started": sum(place.journey == name for place, _ in entries),
            "ended_by_goal": kinds["ended by goal"],
            "went_to_its_end": kinds["went to its end"],
            "still_open": kinds["still open"],
            "ended_otherwise": kinds["otherwise"],
            "messages": {channel: _count(mine, "accepted", channel) for channel in CHANNELS},
            "withheld": _count(mine, "withheld"),
        }
    person = next((visitor.id for visitor in visitors if visitor.role == "returner"), visitors[0].id)
    return {
        "people": len(visitors),
        "events": {"sent": sent, "accepted": accepted, "lost": sent - accepted},
        "journeys": journeys,
        "messages": {channel: _count(piles, "accepted", channel) for channel in CHANNELS},
        "withheld": _reasons(piles),
        "held": dict(Counter((waiting | held).values()).most_common()),
        "held_for_nothing": dict(Counter(waiting.values()).most_common()),
        "duplicates": repeated,
        "latency_ms": _latency(took),
        "person": person,
        "addresses": _addresses(service, person),
    }


async def show(service: Service, summary: dict[str, Any], console: Console) -> None:
    """The tables, the latency, where to look further, and the story of one person."""
    console.print("", _journeys(summary["journeys"]), "", _why_not(summary), "", sep="\n")
    latency, events = summary["latency_ms"], summary["events"]
    console.print(
        f"{summary['people']} people sent {events['sent']} events over HTTP; {events['accepted']} were accepted, "
        f"{events['lost']} lost. Messages sent twice: {summary['duplicates']}."
    )
    console.print(
        f"From the front door to the provider: p50 {latency['p50']} ms, p99 {latency['p99']} ms, "
        f"over the {latency['count']} messages that had nothing to wait for."
    )
    console.print(f"\nThe story of [bold]{summary['person']}[/bold]:", highlight=False)
    console.print(await story_of(service.settings, summary["person"], service.client), soft_wrap=True, highlight=False)
    console.print()
    for name, address in summary["addresses"].items():
        console.print(f"{name:<11}{address}", soft_wrap=True, highlight=False)


async def _ends(service: Service, expected: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """(journey, how it ended) of every pass, as the runs themselves say."""
    slots = asyncio.Semaphore(16)

    async def one(run: WorkflowExecution) -> tuple[str, str]:
        if run.status is WorkflowExecutionStatus.RUNNING:
            return run.workflow_type, "still open"
        if run.status is not WorkflowExecutionStatus.COMPLETED:
            return run.workflow_type, "otherwise"
        async with slots:
            account = await service.client.get_workflow_handle(run.id, run_id=run.run_id).result()
        outcome = str(account["outcome"])
        goal, end = outcome.startswith("ended by "), outcome == "went to its end"
        return run.workflow_type, "ended by goal" if goal else "went to its end" if end else "otherwise"

    async with asyncio.timeout(30):
        while True:
            found: dict[tuple[str, str], WorkflowExecution] = {}
            async for run in service.client.list_workflows():
                if run.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW:
                    found[run.id, str(await run.memo_value(ENTRY, None))] = run
            # What the list shows comes a moment after what has happened.
            if expected <= found.keys():
                return list(await asyncio.gather(*map(one, found.values())))
            await asyncio.sleep(0.2)


def _count(piles: Sequence[Pile], status: str, channel: str | None = None) -> int:
    return sum(pile.count for pile in piles if pile.status == status and channel in (None, pile.channel))


def _reasons(piles: Sequence[Pile]) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for pile in piles:
        if pile.status == "withheld":
            # A goal is named with its event's id; counted is by its kind.
            goal = pile.reason.startswith("ended by")
            reasons[pile.reason.partition(" (")[0] if goal else pile.reason] += pile.count
    return dict(reasons.most_common())


def _latency(took: Sequence[timedelta]) -> dict[str, float | int | None]:
    """Nearest-rank percentiles in milliseconds; None where nothing was measured."""
    ordered = sorted(each.total_seconds() * 1000 for each in took)

    def percentile(share: float) -> float | None:
        return round(ordered[max(math.ceil(share * len(ordered)) - 1, 0)], 1) if ordered else None

    return {"p50": percentile(0.5), "p99": percentile(0.99), "count": len(ordered)}


def _addresses(service: Service, person: str) -> dict[str, str]:
    settings = service.settings
    query = urlencode({"query": f'UserId="{person}"'}, quote_via=quote)
    return {
        "Runs": f"http://{settings.host}:{settings.ui_port}/namespaces/default/workflows?{query}",
        "Messages": f"{settings.front_door}/outbox?{urlencode({'user': person})}",
        "Everybody": f"{settings.front_door}/outbox",
    }


def _journeys(journeys: dict[str, dict[str, Any]]) -> Table:
    """Narrow enough for eighty columns; the column of odd ends is there only if there are any."""
    numbers = ["Started", "Ended\nby goal", "Went to\nits end", "Still\nopen", "Email", "Push", "In-app", "With-\nheld"]
    odd = any(row["ended_otherwise"] for row in journeys.values())
    table = Table("Journey", "Kind", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for name in [*numbers, *(["Ended\notherwise"] if odd else [])]:
        table.add_column(name, justify="right")
    for name, row in journeys.items():
        runs = [row[each] for each in ("started", "ended_by_goal", "went_to_its_end", "still_open")]
        rest = [row["withheld"], *([row["ended_otherwise"]] if odd else [])]
        table.add_row(name, row["kind"], *map(str, [*runs, *row["messages"].values(), *rest]))
    return table


def _why_not(summary: dict[str, Any]) -> Table:
    table = Table("What was not sent, or not at once", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("Messages", justify="right")
    for reason, count in summary["withheld"].items():
        table.add_row(f"withheld: {reason}", str(count))
    for reason, count in summary["held"].items():
        table.add_row(f"held for a while: {reason}", str(count))
    for reason, count in summary["held_for_nothing"].items():
        table.add_row(f"... of these not sent any more, for the journey was over: {reason}", str(count))
    return table
