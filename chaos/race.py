"""T13: sixteen clients start and end the same key at the same instant: one run at a time, and each event is in one of them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import select
from temporalio.client import WorkflowExecution, WorkflowExecutionStatus

from ingestion.departures import ENTRY
from storage.routing import backlog
from storage.tables import entries, events, open_runs
from tests.doubles.sendgrid import SendGridDouble
from tests.servers import wait_until

from . import databases, shop
from .evidence import Evidence
from .play import Play
from .posting import posted
from .result import Part, Result
from .shop import KEY, Shop

TITLE = "A race at the door"
FULL, CLIENTS, TOGETHER = 500, 16, 5
SETTLED = 300
"""Seconds within which the last run must be open or closed."""
LISTED = 30
"""Seconds within which the server must list each run whose start it has acknowledged."""
NOTES = [
    "Each client posts one event for the key: a refund, which begins the journey anew whenever none is open, or a "
    "cancellation, which ends it. In which order they were accepted is read afterwards; what must follow is told from that.",
    "A pass whose end came before it could begin, because the run before it was still closing, is noted as dropped and opens "
    "no run; what was said during it belongs to it.",
    "On PostgreSQL there are two front doors with their relays, and half of the clients are at each.",
]
GOAL = re.compile(r"^ended by Order Cancelled \((.+)\)$")


@dataclass
class Pass:
    """What one refund begins: who else is told to it, and what ends it."""

    opener: str
    told: list[str] = field(default_factory=list)
    ender: str | None = None


def passes(said: list[tuple[str, str]]) -> list[Pass]:
    """What the events of one key, (id, name) in order of acceptance, mean."""
    found: list[Pass] = []
    for event_id, name in said:
        running = found[-1] if found and found[-1].ender is None else None
        if name == "Order Cancelled":
            if running is not None:
                running.ender = event_id
        elif running is not None:
            running.told.append(event_id)
        else:
            found.append(Pass(event_id))
    return found


async def run(play: Play) -> Result:
    """One key after the other, a few at a time, all clients at once."""
    result = Result(scenario="T13", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with (
        databases.empty(play) as place,
        SendGridDouble(keep_bodies=False) as double,
        shop.opened(play.home, place.url, double, workers=1, doors=place.doors) as town,
    ):
        result.parts.append(await _race(play, town))
    return result


async def _race(play: Play, town: Shop) -> Part:
    asked, chances, over = play.count(FULL, 5), play.chances("race"), play.until(1)
    # By their own word all of it happened at once. Otherwise what came to one door before the end that another door accepted
    # first would rightly begin nothing: it has happened before that end.
    instant = datetime.now(UTC).isoformat()
    begun, acknowledged = 0, set[str]()
    clients = [httpx.AsyncClient(trust_env=False, timeout=60, auth=(KEY, "")) for _ in range(CLIENTS)]

    async def post(client: httpx.AsyncClient, number: int, place: int, name: str) -> None:
        event_id = f"race-{number}-{place}"
        body = {
            "event": name, "userId": f"racer-{number}", "messageId": event_id,
            "properties": {"order_id": f"race-{number}"}, "timestamp": instant,
        }  # fmt: skip
        answer, _ = await posted(client, f"{town.urls[place % len(town.urls)]}/v1/track", body)
        if answer.status_code == 200:
            acknowledged.add(event_id)

    try:
        while begun < asked and not over():
            numbers = range(begun, min(begun + TOGETHER, asked))
            names = {number: chances.choices(("Order Refunded", "Order Cancelled"), k=CLIENTS) for number in numbers}
            await asyncio.gather(
                *(
                    post(client, number, place, names[number][place])
                    for number in numbers
                    for place, client in enumerate(clients)
                )
            )
            begun = numbers.stop
            play.show("keys", begun, asked)
    finally:
        for client in clients:
            await client.aclose()
    problems = [] if await _settled(town) else ["some runs neither opened nor closed"]
    seen, ends = await _compare(town, problems)
    evidence = Evidence(
        wanted=frozenset(),
        accepted={},
        acknowledged=frozenset(acknowledged),
        seen=seen,
        faults={"ended_at_once": ends},
        least={"ended_at_once": begun // 2},
        problems=tuple(problems[:20]),
    )
    return Part.of("whole", evidence, asked=asked, reached=begun, unit="keys")


async def _settled(town: Shop) -> bool:
    """Wait until all has been routed, every ended run has closed, and whoever waited for that is in."""

    async def settled() -> bool:
        async with town.database.read() as connection:
            if await backlog(connection):
                return False
            ending = (await connection.execute(select(open_runs.c.user_id).where(open_runs.c.state == "ending"))).all()
            under_way = select(entries.c.user_id).where(entries.c.state == "starting")
            return not ending and not (await connection.execute(under_way)).all()

    try:
        await wait_until(settled, SETTLED)
    except AssertionError:
        return False
    return True


async def _compare(town: Shop, problems: list[str]) -> tuple[Counter[str], int]:
    """How often each event was seen, by the passes that the order of acceptance makes and the runs there really were."""
    async with town.database.read() as connection:
        rows = (
            await connection.execute(select(events.c.event_id, events.c.name, events.c.user_id).order_by("seq"))
        ).all()
        dropped = select(entries.c.event_id).where(entries.c.state == "dropped")
        given_up = {row.event_id for row in await connection.execute(dropped)}
    by_user: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        by_user.setdefault(row.user_id, []).append((row.event_id, row.name))
    runs = await _runs(town)
    seen: Counter[str] = Counter()
    ends = 0
    for said in by_user.values():
        expected = passes(said)
        belongs = {event_id for each in expected for event_id in (each.opener, *each.told, each.ender)}
        seen.update(event_id for event_id, _ in said if event_id not in belongs)  # Ended nothing: nothing was open.
        for each in expected:
            ends += each.ender is not None
            told = runs.pop(each.opener, None)
            if told is None and each.ender is not None and each.opener in given_up:
                told = (each.told, each.ender)
            if told is None:
                problems.append(f"{each.opener} has opened no run")
                continue
            seen.update([each.opener, *told[0], *([told[1]] if told[1] else [])])
            if told != (each.told, each.ender):
                problems.append(f"the run of {each.opener} has seen other events than were accepted during it")
    problems += [f"{opener} has opened a run that nothing asked for" for opener in runs]
    return seen, ends


async def _runs(town: Shop) -> dict[str, tuple[list[str], str | None]]:
    """By the event that opened it, what each run was told and what ended it; those still open are ended for that."""
    at_once = asyncio.Semaphore(16)

    async def account(workflow_id: str, run_id: str, *, stop: bool) -> tuple[list[str], str | None]:
        async with at_once:
            handle = town.client.get_workflow_handle(workflow_id, run_id=run_id)
            if stop:
                await handle.execute_update("stop")
            told: dict[str, Any] = await handle.result()
        goal = GOAL.match(told["outcome"])
        return told.get("untaken", []), goal[1] if goal else None

    found, openers = await _listed(town)
    accounts = await asyncio.gather(
        *(account(run.id, run.run_id, stop=run.status is WorkflowExecutionStatus.RUNNING) for run in found)
    )
    return dict(zip(openers, accounts, strict=True))


async def _listed(town: Shop) -> tuple[list[WorkflowExecution], list[str]]:
    """All runs, with the events that opened them. The server lists a run a moment after it has acknowledged its start."""
    started = select(entries.c.event_id).where(entries.c.state == "started")
    async with town.database.read() as connection:
        expected = {row.event_id for row in await connection.execute(started)}
    found, openers = list[WorkflowExecution](), list[str]()

    async def complete() -> bool:
        found[:] = [run async for run in town.client.list_workflows('WorkflowType = "race"')]
        openers[:] = [str(await run.memo_value(ENTRY)) for run in found]
        return expected <= set(openers)

    with suppress(AssertionError):  # Then it has not begun, and whoever compares says so.
        await wait_until(complete, LISTED)
    return found, openers
