"""T4: the relay is killed between commit and signal, and Temporal is away for a minute, while events keep coming."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import httpx

from storage.routing import backlog
from tests.doubles.sendgrid import SendGridDouble
from tests.servers import wait_until

from . import databases, shop
from .evidence import Evidence
from .gap_traffic import Said, seen, traffic
from .play import Play
from .posting import posted
from .result import Part, Result
from .shop import KEY, Shop

TITLE = "A gap between accepting and telling"
FULL, KILLS, AWAY = 20_000, 20, 60.0
PACE = 25.0
"""Events a second."""
BATCH = 20
ENOUGH = 100
"""How many must have waited for their rate to tell anything."""
SOON = 10.0
"""Seconds after Temporal's return within which the backlog must have begun to shrink."""
PATIENCE = 120.0
"""Seconds after which a backlog that is still there has not drained."""
NOTES = [
    "The front door and the relay are one process, killed with -9 right after it has answered 200, and started again as "
    "by a supervisor. Not while Temporal is away: without it that process cannot start, and clients would keep their events.",
    "Seen is what Temporal says: the event that opened a run stands in its memo, the one that ended it in its result, and "
    "what a run was told in what it had not taken yet.",
]


@dataclass
class Drain:
    """How the backlog went down after Temporal's return."""

    waiting: int = 0
    first: float = 0.0
    """Seconds until the first of them was through."""
    lasted: float = 0.0
    """Seconds from then on."""
    routed: int = 0
    came: int = 0

    def __str__(self) -> str:
        lasted = max(self.lasted, 0.1)
        return (
            f"{self.waiting:,} events waited when Temporal was back; the first was through after {self.first:.1f} s, and "
            f"{self.lasted:.0f} s later no more waited than come in a second: {self.routed / lasted:.0f} a second routed while "
            f"{self.came / lasted:.0f} a second came"
        )


async def run(play: Play) -> Result:
    """Say it all at one pace, take away what is to be taken away, and look for every event in Temporal."""
    result = Result(scenario="T4", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with (
        databases.empty(play) as place,
        SendGridDouble(keep_bodies=False) as double,
        shop.opened(play.home, place.url, double, workers=1) as town,
        httpx.AsyncClient(trust_env=False, timeout=20, auth=(KEY, "")) as http,
    ):
        gap = Gap(play, town, http)
        result.parts.append(await gap.part())
        result.notes.append(str(gap.drain))
    return result


class Gap:
    """One feeding, with its faults."""

    def __init__(self, play: Play, town: Shop, http: httpx.AsyncClient) -> None:
        self._play = play
        self._town = town
        self._http = http
        self._asked = traffic(play.count(FULL, 200), play.chances("traffic"))
        self._taken: list[Said] = []
        """Answered with 200, in order."""
        self._between = self._repeated = 0
        self._away = max(AWAY * play.size, 2.0)
        self._due = asyncio.Event()
        """Set when it is time for Temporal to go."""
        self._calm = asyncio.Lock()
        """Held while something is away, so that one fault begins when the other is over."""
        self.drain = Drain()
        self._problems: list[str] = []

    async def part(self) -> Part:
        """Feed, count, and check."""
        outage = asyncio.create_task(self._outage())
        try:
            await self._feed(outage)
            await outage
            if not await self._is_empty():
                self._problems.append(f"{await self._waiting()} events had not drained after {PATIENCE:.0f} s")
            found = await self._seen()
        finally:
            outage.cancel()
        if self.drain.first > SOON:
            self._problems.append(f"the backlog began to shrink only {self.drain.first:.1f} s after Temporal's return")
        if self.drain.waiting >= ENOUGH and self.drain.routed < 2 * self.drain.came:
            self._problems.append("the backlog drained at less than twice the inflow")
        evidence = Evidence(
            wanted=frozenset(),
            accepted={},
            acknowledged=frozenset(said.id for said in self._taken),
            seen=found,
            faults={
                "killed_between": self._between,
                "temporal_away_s": round(self._away) if self._town.temporal_kills else 0,
                "posts_repeated": self._repeated,
            },
            least={"killed_between": self._play.count(KILLS, 2), "temporal_away_s": round(self._away)},
            problems=tuple(self._problems),
        )
        return Part.of("whole", evidence, asked=len(self._asked), reached=len(self._taken), unit="events")

    async def _feed(self, outage: asyncio.Task[None]) -> None:
        """Post one batch after another at the pace; a client sends again until it hears 200."""
        chances, kills = self._play.chances("kills"), self._play.count(KILLS, 2)
        batches = [self._asked[start : start + BATCH] for start in range(0, len(self._asked), BATCH)]
        # Twice as often as needed: a kill counts only if something was left between commit and signal.
        due = iter(sorted(chances.sample(range(len(batches)), min(kills * 2, len(batches)))))
        kill, moment, over = next(due, None), time.monotonic(), self._play.until(1)
        third = self._play.until(1 / 3)
        for number, batch in enumerate(batches):
            if over() and outage.done():
                return
            moment = max(moment + BATCH / PACE, time.monotonic() - 1)
            await asyncio.sleep(moment - time.monotonic())
            await self._post(batch)
            if len(self._taken) >= len(self._asked) // 3 or third():
                self._due.set()
            self._play.show("events", len(self._taken), len(self._asked))
            if kill is not None and number >= kill and not self._calm.locked():
                kill = next(due, None)
                async with self._calm:
                    if self._town.door.kill():
                        self._between += bool(await self._waiting())
                        await self._town.answers()
                        moment = time.monotonic()

    async def _post(self, batch: list[Said]) -> None:
        body = {"batch": [said.call() for said in batch]}
        answer, repeated = await posted(self._http, f"{self._town.url}/v1/batch", body)
        self._repeated += repeated
        if answer.status_code == 200:
            self._taken += batch
        else:
            self._problems.append(f"a batch was answered with {answer.status_code}")

    async def _outage(self) -> None:
        """After a third of the events Temporal is gone for its while."""
        await self._due.wait()
        async with self._calm:
            await self._town.kill_temporal(self._away)
            await self._measure()

    async def _measure(self) -> None:
        """How the backlog goes down while events keep coming."""
        back = begun = time.monotonic()
        self.drain.waiting = waiting = await self._waiting()
        came = len(self._taken)
        routed = first = came - waiting
        while waiting > max(PACE, BATCH) and time.monotonic() - back < PATIENCE:
            await asyncio.sleep(0.1)
            waiting = await self._waiting()
            if not self.drain.first and len(self._taken) - waiting > first:
                begun, came = time.monotonic(), len(self._taken)
                routed, self.drain.first = came - waiting, begun - back
        self.drain.lasted = time.monotonic() - begun
        self.drain.came = len(self._taken) - came
        self.drain.routed = len(self._taken) - waiting - routed

    async def _waiting(self) -> int:
        async with self._town.database.read() as connection:
            return await backlog(connection)

    async def _is_empty(self) -> bool:
        async def empty() -> bool:
            return not await self._waiting()

        try:
            await wait_until(empty, PATIENCE)
        except AssertionError:
            return False
        return True

    async def _seen(self) -> dict[str, int]:
        """Wait until every cancelled run has closed, and ask Temporal."""
        cancelled = sum(said.id.startswith("gap-") and said.id.endswith("-1") for said in self._taken)
        query = 'WorkflowType = "gap" AND ExecutionStatus = "Completed"'

        async def closed() -> bool:
            return (await self._town.client.count_workflows(query)).count >= cancelled

        try:
            await wait_until(closed, PATIENCE)
        except AssertionError:
            self._problems.append("some runs that were cancelled did not end")
        return await seen(self._town.client)
