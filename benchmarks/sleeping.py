"""What people cost who are in a journey and asleep: CPU of all processes while nothing happens."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import stdev

import httpx
import psutil

from benchmarks.figures import Cpu
from tests.servers import wait_until

STEPS = (0, 10_000, 100_000)
"""How many sleep at each measurement."""
SECONDS = 60.0
SETTLING = 30.0
SLICES = 12
"""Parts of SECONDS whose difference is the noise."""
APART = 0.02
"""Share of a core by which many may cost more than few, beside noise."""
BATCH = 50
BEHIND = 500
"""Events that may wait for the relay; more would only be its backlog."""
DRAINED = 300.0
"""Seconds that the last of them may take."""


@dataclass(frozen=True)
class Idle:
    """With so many asleep: what each process uses of a core, by name, and holds in memory."""

    asleep: int
    cpu: Mapping[str, float]
    mib: Mapping[str, float]
    noise: float
    """Standard error of the sum of `cpu`."""

    @property
    def whole(self) -> float:
        """Share of a core of all of them."""
        return sum(self.cpu.values())

    def __str__(self) -> str:
        cpu = ", ".join(f"{name} {share * 100:.1f} %" for name, share in self.cpu.items())
        mib = ", ".join(f"{name} {held:.0f} MiB" for name, held in self.mib.items())
        return f"{self.asleep:,} asleep, nothing happens: {cpu} of a core; {mib}"


async def idle(pids: Mapping[str, int], asleep: int, seconds: float = SECONDS, settling: float = SETTLING) -> Idle:
    """After a while for everybody to write what they have to, the CPU of some seconds in which nobody does anything."""
    await asyncio.sleep(settling)
    slices = []
    whole, began = Cpu(dict(pids)), time.monotonic()
    for _ in range(SLICES):
        part, moment = Cpu(dict(pids)), time.monotonic()
        await asyncio.sleep(seconds / SLICES)
        slices.append(sum(part.used().values()) / (time.monotonic() - moment))
    took = time.monotonic() - began
    cpu = {name: used / took for name, used in whole.used().items()}
    mib = {name: psutil.Process(pid).memory_info().rss / 2**20 for name, pid in pids.items()}
    return Idle(asleep, cpu, mib, stdev(slices) / SLICES**0.5)


def dearer(few: Idle, many: Idle) -> bool:
    """Whether those who sleep cost CPU: many more than few by more than APART, and than chance explains."""
    noise = math.hypot(few.noise, many.noise)
    return many.whole - few.whole > APART + 2 * noise


def of_a_million(few: Idle, many: Idle) -> str:
    """The straight line through both, drawn on; nobody has tried it."""
    more = many.whole - few.whole
    if more <= 2 * math.hypot(few.noise, many.noise):
        return f"a million asleep, not tried: no difference between {few.asleep:,} and {many.asleep:,} beyond chance"
    cpu = many.whole + more / (many.asleep - few.asleep) * (1_000_000 - many.asleep)
    return f"a million asleep, reckoned up from these two and not tried: {cpu * 100:.0f} % of a core"


async def put_to_sleep(
    front_door: str,
    key: str,
    numbers: range,
    *,
    over: Callable[[], bool] = lambda: False,
    show: Callable[[int], None] = lambda count: None,
) -> int:
    """Let these people look at a page, so that they sleep for thirty days in win-back; none any more once it is `over`.

    As quick as Temporal and the relay carry it. Returns how many, when all of them are asleep.
    """
    begun = 0
    async with httpx.AsyncClient(trust_env=False, auth=(key, ""), timeout=60) as http:

        async def at_most(behind: int) -> bool:
            return int((await http.get(f"{front_door}/health")).json()["unrouted"]) <= behind

        for place in range(0, len(numbers), BATCH):
            if over():
                break
            batch = [_look(number) for number in numbers[place : place + BATCH]]
            answer = await http.post(f"{front_door}/v1/batch", json={"batch": batch})
            answer.raise_for_status()
            begun += len(batch)
            show(begun)
            await wait_until(lambda: at_most(BEHIND), DRAINED)
        await wait_until(lambda: at_most(0), DRAINED)
    return begun


def opener(number: int) -> str:
    """The id of the event that puts them to sleep."""
    return f"sleeper-{number}-1"


def _look(number: int) -> dict[str, object]:
    return {
        "type": "page",
        "userId": f"sleeper-{number}",
        "messageId": opener(number),
        "properties": {"path": "/"},
    }
