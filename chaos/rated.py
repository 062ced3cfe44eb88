"""T16 with a rate: the provider is away for a minute, and whole journeys go through Temporal at no more than is allowed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType

from ingestion.departures import workflow_id
from storage.runs import Place
from tests.doubles.sendgrid import ACCEPT, Behaviour, SendGridDouble
from tests.servers import wait_until

from . import databases, shop
from .edited import with_expiry
from .evidence import Evidence
from .play import Play
from .result import Part
from .shop import Shop
from .walks import JOURNEY, TEMPLATES, Walks, keys_of, user_of

FULL = 300
RATE = 20
"""Messages a second at full size; the smaller the run, the lower, so that something has to wait."""
AWAY = Behaviour("answers_503", 503, reset_in=2.0)
EXPIRES, EXPIRY = 1, timedelta(minutes=1)
"""Which of the three emails is worth nothing after this; a minute is the least that a template can say."""
OUTAGE = 70.0
"""Seconds: what is wanted at its beginning has expired at its end."""
BURST = 2.0
"""Seconds of the rate that may come at once: one that the server's token buckets hold, one by which a busy machine is late."""
WINDOWS = (1.0, 10.0)
ARRIVES = timedelta(seconds=11)
"""From the last look at the expiry to the provider: a second of standing still, and ten of a call."""


@dataclass(frozen=True)
class Step:
    """One send of a run, by Temporal's history: when it was due, and when it was decided."""

    due: datetime
    done: datetime | None
    expires: bool


async def rated(play: Play) -> tuple[Part, str]:
    """The checked load, and what there is to say about its rate."""
    asked, rate = play.count(FULL, 40), max(round(RATE * play.size), 5)
    play = replace(play, home=play.home / "rated")
    play.home.mkdir()
    async with databases.empty(play) as place, SendGridDouble(keep_bodies=False) as double:
        program = with_expiry(play.home / "program", TEMPLATES[EXPIRES], "1m")
        async with shop.opened(
            play.home, place.url, double, workers=2, worker=program, JOURNEYMAN_RATES=f"email={rate}"
        ) as town:
            return await _through(play, town, asked, rate)


async def _through(play: Play, town: Shop, asked: int, rate: int) -> tuple[Part, str]:
    double, walks, problems = town.double, Walks(town), list[str]()
    try:
        await walks.enter(range(asked // 2))
        # Half of the first half has its first email: the next one is due while nothing is taken.
        await wait_until(lambda: double.accepted.total() >= asked // 4, 120)
        double.otherwise = AWAY
        loop = asyncio.get_running_loop()
        back = loop.time() + OUTAGE
        await walks.enter(range(asked // 2, asked))
        while loop.time() < back:
            play.show(f"seconds away, {rate}/s through Temporal", round(OUTAGE - (back - loop.time())), round(OUTAGE))
            await asyncio.sleep(1)
        double.otherwise, ended = ACCEPT, datetime.now(UTC)
        if not await walks.over(lambda open_: play.show("draining through Temporal", asked - open_, asked)):
            problems.append("some journeys did not end: not all has drained")
        steps, ledger = await _steps(town, walks.entered), await town.ledger()
    finally:
        await walks.close()
    refused = sum(call.behaviour is AWAY for call in double.calls)
    expired = [key for key, status in ledger.items() if status == "withheld"]
    accepted = {call.send_key: datetime.fromtimestamp(call.at, UTC) for call in double.calls if call.behaviour.accepts}
    evidence = Evidence(
        wanted=walks.wanted(),
        accepted=double.accepted.copy(),
        ledger=ledger,
        acknowledged=walks.acknowledged(),
        seen=await walks.seen(),
        in_doubt=frozenset(),
        faults={AWAY.name: refused, "expired": len(expired)},
        least={AWAY.name: asked // 4, "expired": 1},
        problems=(
            *problems,
            *await walks.broken(),
            *too_fast([call.monotonic for call in double.calls], rate),
            *_wrong(steps, accepted, expired, ended),
        ),
    )
    busiest = [most([call.monotonic for call in double.calls], seconds) / seconds for seconds in WINDOWS]
    later = [at for at in accepted.values() if at > ended]
    took = (max(later, default=ended) - ended).total_seconds()
    note = (
        f"Through Temporal at {rate} messages a second: {len(later)} went after the {OUTAGE:.0f} s of 503, within {took:.0f} s "
        f"({len(later) / max(took, 0.1):.1f}/s). By the provider's clock, with the calls it refused, the busiest second had "
        f"{busiest[0]:.0f}, the busiest ten {busiest[1]:.1f}/s; allowed are {rate * (1 + BURST):.0f} and "
        f"{rate * (10 + BURST) / 10:.1f}/s: the server's buckets may hold a second's worth, and a busy machine be a second late."
    )
    part = Part.of("through Temporal, with a rate", evidence, asked=asked, reached=len(walks.entered), unit="journeys")
    return part, note


def most(arrivals: Iterable[float], seconds: float) -> int:
    """How many came within so many seconds, at the worst."""
    times, first, found = sorted(arrivals), 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= seconds:
            first += 1
        found = max(found, last - first + 1)
    return found


def too_fast(arrivals: Sequence[float], rate: float) -> list[str]:
    """Where more arrived than the rate allows, with what its bucket may hold."""
    counts = {seconds: most(arrivals, seconds) for seconds in WINDOWS}
    return [
        f"{count} calls within {seconds:g} s, where the rate of {rate:g} allows {rate * (seconds + BURST):g}"
        for seconds, count in counts.items()
        if count > rate * (seconds + BURST)
    ]


def _wrong(
    steps: Mapping[str, Step], accepted: Mapping[str, datetime], withheld: Sequence[str], ended: datetime
) -> list[str]:
    """What was sent though it had expired, and what was withheld though it had not."""
    expiring = {key: step for key, step in steps.items() if step.expires}
    late = [key for key, step in expiring.items() if (at := accepted.get(key)) and at > step.due + EXPIRY + ARRIVES]
    early = [
        key for key in withheld if (step := expiring.get(key)) is None or (step.done and step.done < step.due + EXPIRY)
    ]
    kept = [
        key for key, step in expiring.items() if step.due + EXPIRY < ended and (at := accepted.get(key)) and at > ended
    ]
    found = {
        "expired messages were sent late": late,
        "messages were withheld and had not expired": early,
        "messages had expired before the provider was back, and were sent": kept,
    }
    return [f"{len(keys)} {what}: {', '.join(sorted(keys)[:10])}" for what, keys in found.items() if keys]


async def _steps(town: Shop, numbers: Iterable[int]) -> dict[str, Step]:
    """Every send step of these people's runs, by send key."""
    found: dict[str, Step] = {}
    for number in numbers:
        handle = town.client.get_workflow_handle(workflow_id(Place(JOURNEY, user_of(number), f"trio-{number}")))
        history = (await handle.fetch_history()).events
        done = {
            event.activity_task_completed_event_attributes.scheduled_event_id: event.event_time.ToDatetime(UTC)
            for event in history
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
        }
        for event in history:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                asked: Any = json.loads(event.activity_task_scheduled_event_attributes.input.payloads[0].data)
                place = TEMPLATES.index(asked["messages"][0]["template"])
                due = datetime.fromisoformat(asked["due"])
                found[keys_of(number)[place]] = Step(due, done.get(event.event_id), place == EXPIRES)
    return found
