"""While Temporal refuses, one person at a time is tried, and the first answer lets everybody go on."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.any_pb2 import Any
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.enums.v1 import ResourceExhaustedCause
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure
from temporalio.service import RPCError, RPCStatusCode

from ingestion.circuit import LONGEST, SHORTEST, Circuit, is_refusal
from tests.servers import wait_until

BUSY = ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW
LIMIT = ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT


def exhausted(cause: ResourceExhaustedCause.ValueType) -> RPCError:
    """The error as it comes from the wire."""
    detail = Any()
    detail.Pack(ResourceExhaustedFailure(cause=cause))
    status = GrpcStatus(code=RPCStatusCode.RESOURCE_EXHAUSTED.value, details=[detail])
    return RPCError("too much", RPCStatusCode.RESOURCE_EXHAUSTED, status.SerializeToString())


@pytest.mark.parametrize("status", RPCStatusCode)
def test_who_is_meant(status: RPCStatusCode) -> None:
    """An answer that everybody would get is told from one about a single run."""
    everybody = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "RESOURCE_EXHAUSTED"}
    everybody |= {"UNAUTHENTICATED", "PERMISSION_DENIED"}
    assert is_refusal(RPCError("", status, b"")) is (status.name in everybody)


def test_one_busy_run() -> None:
    """A run that takes no more calls for the moment is that run's matter; a namespace over its rate is everybody's.

    Killed by: judging RESOURCE_EXHAUSTED by the status alone.
    """
    assert not is_refusal(exhausted(BUSY))
    assert is_refusal(exhausted(LIMIT))


async def passed(circuit: Circuit, users: list[str]) -> list[str]:
    """Let these ask for their turn all at once, without end; whoever has it is in the list, now and later."""
    through: list[str] = []

    async def ask(user: str) -> None:
        await circuit.turn(user)
        through.append(user)

    TASKS.extend(asyncio.create_task(ask(user)) for user in users)
    await asyncio.sleep(0)
    return through


TASKS: list[asyncio.Task[None]] = []


async def test_one_at_a_time() -> None:
    """Everybody passes while Temporal answers; after a refusal one, when the pause is over, and the next when that one is
    back; with the first answer everybody.

    Killed by: dropping `_trying`, or `_changed.set()` from `over` or `answered`.
    """
    circuit, loop = Circuit(), asyncio.get_running_loop()
    assert await passed(circuit, ["a", "b", "c"]) == ["a", "b", "c"]
    circuit.refused("a")
    circuit.refused("b")  # was under way already: the pause does not grow by it
    began = loop.time()
    through = await passed(circuit, ["d", "e", "f"])
    assert through == []
    await wait_until(lambda: through)
    assert SHORTEST <= loop.time() - began < SHORTEST * 1.9
    circuit.over("a")
    assert len(through) == 1

    circuit.refused(through[0])
    circuit.over(through[0])
    began = loop.time()
    await wait_until(lambda: len(through) == 2)
    assert loop.time() - began > SHORTEST * 1.9, "the pause has grown"
    circuit.over(through[1])  # had nothing to say to Temporal
    await wait_until(lambda: len(through) == 3, 0.2)

    waiting = await passed(circuit, ["g", "h"])
    assert waiting == []
    circuit.answered()
    await wait_until(lambda: len(waiting) == 2, 0.2)
    assert not circuit.is_refused
    await asyncio.gather(*TASKS)


async def test_the_longest_pause() -> None:
    """However long Temporal is away, the next try is never further off than a few seconds; and after an answer the first
    pause is short again.

    Killed by: doubling without bound, or keeping the pause in `answered`.
    """
    circuit, loop = Circuit(), asyncio.get_running_loop()
    circuit.refused("u")
    for _ in range(20):
        circuit._trying = "u"
        circuit.refused("u")
        circuit.over("u")
    assert circuit._next_try - loop.time() <= LONGEST
    circuit.answered()
    circuit.refused("u")
    assert circuit._next_try - loop.time() <= SHORTEST
