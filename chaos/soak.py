"""T21: a steady load beside many people asleep: latency, lag, memory and files stay where they are, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
from sqlalchemy import func, select

from benchmarks import sleeping
from benchmarks.figures import Cpu, percentile
from benchmarks.sleeping import Idle
from ingestion.departures import ENTRY
from storage.gauges import waiting
from storage.tables import events
from tests.doubles.sendgrid import SendGridDouble
from tests.servers import wait_until

from . import databases, shop
from .evidence import Evidence
from .play import Play
from .result import Part, Result
from .shop import KEY, Shop
from .soak_traffic import BESIDE, RATE, Traffic, key_of, seen
from .usage import Watch

TITLE = "A soak"
LASTS = 1800.0
STAYS = 60.0
SHORTEST = 10.0
"""Seconds of the smallest run."""
ACCEPT, LAG, CALLED = 0.05, 2.0, 1.0
"""What the front door's answer may take at p99, how long an event may wait for Temporal, and an email for its call at p99."""
LATE = 1.0
"""Seconds by which this programme may be late itself; beyond that it does not measure what it says."""
PATIENCE = 120.0
NOTES = [
    "Those who sleep have looked at a page, through the front door and the relay, and sleep for thirty days in win-back.",
    f"The load: {RATE:.0f} people a second enter, are sent an email at once, and end their journey a minute later; beside "
    f"them {BESIDE:.0f} events a second that no journey cares about.",
    "The first half of the time is for putting people to sleep, the second for the load: give it 60 minutes for all of both.",
]


async def run(play: Play) -> Result:
    """Put people to sleep, measure what they cost, and then work beside them."""
    result = Result(scenario="T21", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with (
        databases.empty(play) as place,
        SendGridDouble(keep_bodies=False) as double,
        shop.opened(play.home, place.url, double, workers=1) as town,
    ):
        await wait_until(lambda: town.workers[0].is_ready, shop.START)
        soak = Soak(play, town)
        asleep = await soak.sleep(result)
        worked = await soak.work(result)
        result.parts += [await soak.asleep_part(asleep), worked]
        await soak.stored(result)
    return result


class Soak:
    """One town, first with people who sleep, then with people who do something as well."""

    def __init__(self, play: Play, town: Shop) -> None:
        self._play = play
        self._town = town
        assert town.server.pid is not None
        self._pids = {"front door and relay": town.door.pid, "worker": town.workers[0].pid, "Temporal": town.server.pid}
        self._acknowledged = 0
        """Events that were answered with 200, all in all."""

    async def sleep(self, result: Result) -> int:
        """Measure what nobody, some and all of them cost; returns how many were put to sleep."""
        play, begun, taken = self._play, 0, list[Idle]()
        all_of_them = play.count(sleeping.STEPS[-1], 50)
        for step in sleeping.STEPS:
            wanted = round(all_of_them * step / sleeping.STEPS[-1])
            began, before = time.monotonic(), begun
            begun += await sleeping.put_to_sleep(
                self._town.url,
                KEY,
                range(begun, wanted),
                over=play.until(0.5),
                show=lambda count, before=before: play.show("put to sleep", before + count, all_of_them),  # type: ignore[misc]
            )
            if begun > before:
                rate = (begun - before) / (time.monotonic() - began)
                result.notes.append(f"{begun - before:,} people were put to sleep at {rate:.0f} a second")
            taken.append(await self._idle(begun))
            result.notes.append(str(taken[-1]))
        _, few, many = taken
        if sleeping.dearer(few, many):
            result.problems.append(
                f"too slow: those who sleep cost CPU: {few.whole * 100:.1f} % of a core with {few.asleep:,}, {many.whole * 100:.1f} % "
                f"with {many.asleep:,}"
            )
        if many.asleep > few.asleep:
            result.notes.append(sleeping.of_a_million(few, many))
        self._acknowledged += begun
        return begun

    async def _idle(self, asleep: int) -> Idle:
        share = min(max(self._play.size, 0.02), 1.0)
        return await sleeping.idle(self._pids, asleep, sleeping.SECONDS * share, sleeping.SETTLING * share)

    async def work(self, result: Result) -> Part:
        """The load, everything that is measured meanwhile, and what has become of each event and email."""
        play, town = self._play, self._town
        lasts = min(max(LASTS * play.size, SHORTEST), max(play.seconds * 0.5, SHORTEST))
        asked, over = round(max(LASTS * play.size, SHORTEST) * RATE), play.lasting((lasts + LATE) / play.seconds)
        watch, cpu, lags = Watch(self._pids), Cpu(dict(self._pids)), list[float]()
        async with httpx.AsyncClient(trust_env=False, timeout=20, auth=(KEY, "")) as http:
            traffic = Traffic(http, town.url, town.double.accepted, stays=min(STAYS, lasts / 6))
            began = time.monotonic()
            async with watch.watching(min(max(lasts / 600, 0.2), 2.0)), self._lagging(lags):
                await traffic.run(round(lasts * RATE), over, lambda count: play.show("journeys entered", count, asked))
            took, used = time.monotonic() - began, cpu.used()
            problems = (
                [] if await self._is_over(len(traffic.left)) else ["not everything was routed, or not every run ended"]
            )
        self._acknowledged += traffic.events
        calls = {call.send_key: call.monotonic for call in reversed(town.double.calls)}
        called = [calls[key] - asked for key, asked in traffic.sent.items() if key in calls]
        result.notes += [
            f"{len(traffic.entered):,} journeys and {traffic.events:,} events in {took:.0f} s; from a request to its answer "
            f"{_told(traffic.seconds)}; from the request that enters somebody to the provider's call {_told(called)}",
            f"the relay was behind by at most {max(lags):.2f} s, in {len(lags):,} looks",
            "CPU: "
            + ", ".join(f"{name} {seconds / took * 100:.0f} %" for name, seconds in used.items())
            + " of a core",
            *watch.accounts(),
        ]
        result.problems += _slow(traffic, called, lags) + watch.not_flat()
        evidence = Evidence(
            wanted=frozenset(map(key_of, traffic.entered)),
            accepted=town.double.accepted.copy(),
            ledger=await town.ledger(),
            acknowledged=traffic.acknowledged(),
            seen=await seen(town.client),
            in_doubt=frozenset(),
            faults={"posts_repeated": traffic.repeated},
            problems=tuple(problems),
        )
        return Part.of("the load", evidence, asked=asked, reached=len(traffic.entered), unit="journeys")

    @asynccontextmanager
    async def _lagging(self, lags: list[float]) -> AsyncIterator[None]:
        """Note once a second how long the oldest event has been waiting for Temporal."""

        async def look() -> None:
            while True:
                async with self._town.database.read() as connection:
                    lags.append((await waiting(connection, datetime.now(UTC))).lag.total_seconds())
                await asyncio.sleep(1)

        looking = asyncio.create_task(look())
        try:
            yield
        finally:
            looking.cancel()
            (ended,) = await asyncio.gather(looking, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    async def _is_over(self, left: int) -> bool:
        """Wait until every event was routed, and every run whose person has left has closed."""
        query = 'WorkflowType = "soak" AND ExecutionStatus = "Completed"'

        async def over() -> bool:
            async with self._town.database.read() as connection:
                if (await waiting(connection, datetime.now(UTC))).unrouted:
                    return False
            return (await self._town.client.count_workflows(query)).count >= left

        try:
            await wait_until(over, PATIENCE)
        except AssertionError:
            return False
        return True

    async def asleep_part(self, asleep: int) -> Part:
        """Whether those who were put to sleep are all there, once."""
        runs = self._town.client.list_workflows('WorkflowType = "win_back" AND ExecutionStatus = "Running"')
        found: dict[str, int] = {}
        async for each in runs:
            entry = str(await each.memo_value(ENTRY))
            found[entry] = found.get(entry, 0) + 1
        evidence = Evidence(
            wanted=frozenset(),
            accepted={},
            acknowledged=frozenset(map(sleeping.opener, range(asleep))),
            seen=found,
        )
        asked = self._play.count(sleeping.STEPS[-1], 50)
        return Part.of("asleep", evidence, asked=asked, reached=asleep, unit="people")

    async def stored(self, result: Result) -> None:
        """Whether the database has exactly the events that were answered with 200."""
        async with self._town.database.read() as connection:
            found = (await connection.execute(select(func.count()).select_from(events))).scalar() or 0
        if found != self._acknowledged:
            result.problems.append(f"{self._acknowledged:,} events were answered with 200, and {found:,} are stored")


def _told(seconds: list[float]) -> str:
    return f"p50 {percentile(seconds, 0.5) * 1e3:.0f} ms, p99 {percentile(seconds, 0.99) * 1e3:.0f} ms"


def _slow(traffic: Traffic, called: list[float], lags: list[float]) -> list[str]:
    """What took longer than it may."""
    answered, reached = percentile(traffic.seconds, 0.99), percentile(called, 0.99)
    bounds = [
        ("from a request to its answer at p99", answered, ACCEPT),
        ("from the request that enters somebody to the provider's call at p99", reached, CALLED),
        ("the relay behind", max(lags), LAG),
        ("this programme behind its own rate", traffic.late, LATE),
    ]
    return [f"too slow: {what} {took:.3f} s, at most {most:g} allowed" for what, took, most in bounds if took >= most]
