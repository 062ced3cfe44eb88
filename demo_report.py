"""What came of the demo: figures from the ledger and from the runs themselves, and one person's story."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from rich.console import Console
from rich.table import Table
from temporalio.client import WorkflowExecution, WorkflowExecutionStatus

from demo_people import Visitor
from ingestion.departures import ENTRY, workflow_id
from service import Service
from storage.counts import Pile, accepted_events, message_piles, repeated_steps, started_entries
from tell import story_of

CHANNELS = ("email", "push", "in_app")
ENDS = ("ended by goal", "went to its end", "still open", "otherwise")


async def summed_up(
    service: Service, visitors: Sequence[Visitor], sent: int, took: list[timedelta], held: dict[str, str]
) -> dict[str, Any]:
    """The summary as JSON. Nothing in it is known beforehand: all is counted."""
    async with service.database.read() as connection:
        accepted, repeated = await accepted_events(connection), await repeated_steps(connection)
        piles, entries = await message_piles(connection), await started_entries(connection)
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
        "withheld": _reasons(pile for pile in piles for _ in range(pile.count) if pile.status == "withheld"),
        "held": dict(Counter(held.values()).most_common()),
        "duplicates": repeated,
        "latency_ms": _latency(took),
        "person": person,
        "addresses": _addresses(service, person),
    }
