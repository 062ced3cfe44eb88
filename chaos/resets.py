"""T14: support resets runs, finished and running ones, at random points of their histories."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.service import RPCError

from ingestion.departures import workflow_id
from storage.runs import Place
from tests.doubles.sendgrid import CUT_AFTER_ACCEPT, SendGridDouble

from . import databases, shop
from .evidence import Evidence
from .faults import counted, in_doubt
from .play import Play
from .result import Part, Result
from .shop import Shop
from .walks import JOURNEY, Walks, user_of

TITLE = "Support resets runs"
FULL = 100
LOST = {CUT_AFTER_ACCEPT: 0.1}
NOTES = [
    "Every tenth answer of the provider is lost after it has accepted, and no webhook comes: those messages stay unknown, and a "
    "reset is one more temptation to send them again.",
]


async def run(play: Play) -> Result:
    """Half of the runs are reset after they have ended, half of them while they are under way."""
    result = Result(scenario="T14", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with databases.empty(play) as place, SendGridDouble(keep_bodies=False) as double:
        double.mix(LOST, seed=play.seed)
        async with shop.opened(play.home, place.url, double, workers=1) as town:
            result.parts.append(await _resets(play, town))
    return result


async def _resets(play: Play, town: Shop) -> Part:
    count, walks, chances, problems = play.count(FULL, 3), Walks(town), play.chances("resets"), list[str]()
    try:
        finished, running = range(count), range(count, 2 * count)
        await walks.enter(finished)
        if not await walks.over():
            problems.append("some journeys did not end")
        play.show("finished runs to reset", 0, count)
        after = await _reset(town, finished, chances, within=1.0)
        await walks.enter(running)
        meanwhile = await _reset(town, running, chances, within=5.0)
        if not await walks.over(resets=after + meanwhile):
            problems.append("some journeys did not end after they had been reset")
        evidence = Evidence(
            wanted=walks.wanted(),
            accepted=town.double.accepted.copy(),
            ledger=await town.ledger(),
            in_doubt=in_doubt(town.double.calls),
            faults={"finished_runs_reset": after, "running_runs_reset": meanwhile} | counted(town.double.calls, LOST),
            least={"finished_runs_reset": count, "running_runs_reset": count // 2},
            problems=tuple(problems),
        )
    finally:
        await walks.close()
    return Part.of("whole journeys", evidence, asked=2 * count, reached=after + meanwhile, unit="resets")


async def _reset(town: Shop, numbers: Sequence[int], chances: random.Random, *, within: float) -> int:
    """Reset each of these runs at a random moment to a random task of its history; how many could be."""
    moments = {number: chances.uniform(0, within) for number in numbers}
    points = {number: chances.random() for number in numbers}

    async def one(number: int) -> bool:
        await asyncio.sleep(moments[number])
        for _ in range(40):
            try:
                if await _reset_one(town, number, points[number]):
                    return True
            except RPCError:
                pass  # Not started yet, or it ended in this very moment.
            await asyncio.sleep(0.5)
        return False

    return sum(await asyncio.gather(*(one(number) for number in numbers)))


async def _reset_one(town: Shop, number: int, point: float) -> bool:
    handle = town.client.get_workflow_handle(workflow_id(Place(JOURNEY, user_of(number), f"trio-{number}")))
    run_id = (await handle.describe()).run_id
    history = await town.client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
    done = [
        event.event_id for event in history.events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    if not done:
        return False
    await town.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=town.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=run_id),
            reason="chaos",
            workflow_task_finish_event_id=done[int(point * len(done))],
            request_id=f"reset-{number}-{run_id}",
        )
    )
    return True
