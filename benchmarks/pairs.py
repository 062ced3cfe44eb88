"""What two front doors, two relays and two workers do more than one of each, on the same PostgreSQL and Temporal in the same run."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select

from chaos.evidence import Evidence, Tally, check
from storage.routing import backlog
from storage.tables import events
from tests.servers import wait_until

from . import crowd
from .bare import until
from .crowd import Crowd
from .figures import Bound, median
from .fleet import Fleet, Ground, fleet, ground

ACCEPTED, ROUTED, JOURNEYS = "accepted alone", "accepted and routed", "whole journeys"
READINGS, LOOKS, PURCHASES = 15_000, 6_000, 800
WARM = 32
"""Purchases before anything is counted: a worker's first run of a journey costs more than the next thousand."""
PATIENCE = 300.0
FASTER, FLAT = 1.5, 1.15
"""How much more two of each must do in a second; or, where the machine has no room for that, how much more CPU they may use."""
FULL = 0.85
"""The share of the whole machine, clients and servers included, from which on it has no room: hardly any load uses all."""


@dataclass(frozen=True)
class Turn:
    """One load with so many of each: CPU seconds by part; `busy` is the share of the whole machine that was at work."""

    load: str
    of_each: int
    count: int
    seconds: float
    busy: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def ours(self) -> float:
        """CPU seconds for each event of those of our processes that have a part in it: of events alone no worker hears."""
        parts = ("serve", "worker") if self.load == JOURNEYS else ("serve",)
        return sum(self.cpu[part] for part in parts) / self.count


@dataclass(frozen=True)
class Pair:
    """The same load with one of each and with two."""

    one: Turn
    two: Turn


async def compared(rounds: int, size: float, figures: dict[str, Any], say: Callable[[str], None]) -> list[Bound]:
    """In each round one fleet of each size; which of them comes first changes from round to round."""
    pairs: dict[str, list[Pair]] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with ground(Path(folder)) as place:
            bought, acknowledged = set[str](), set[str]()
            for number in range(rounds):
                found: dict[tuple[str, int], Turn] = {}
                for of_each in (1, 2) if number % 2 == 0 else (2, 1):
                    say(f"{of_each} of each: turn {number + 1} of {rounds}")
                    async with fleet(place, f"fleet-{number}-{of_each}", of_each) as ships:
                        people = Crowd(ships.doors)
                        buyers = [f"{of_each}x{number}-{kind}" for kind in ("warm", "buyer")]
                        for turn in await _turns(ships, people, buyers, size):
                            found[turn.load, turn.of_each] = turn
                            say(_shown(turn))
                    acknowledged |= people.acknowledged
                    bought |= {each.removesuffix("-buy") for each in people.acknowledged if each.endswith("-buy")}
                for load in (load for load, of_each in found if of_each == 1):
                    pairs.setdefault(load, []).append(Pair(found[load, 1], found[load, 2]))
            tally = await _counted(place, bought, acknowledged)
    figures["pairs"] = {
        "turns": {load: [asdict(pair) for pair in taken] for load, taken in pairs.items()},
        "tally": tally.model_dump(),
    }
    return [*(_judged(load, taken) for load, taken in pairs.items()), *_nothing_wrong(tally)]


async def _turns(ships: Fleet, people: Crowd, names: list[str], size: float) -> list[Turn]:
    """Readings cost the door alone, looks door and relay, purchases all three."""
    warm, buyers = (
        crowd.people(name, max(round(count * size), 8)) for name, count in zip(names, (WARM, PURCHASES), strict=True)
    )
    place, turns = ships.ground, list[Turn]()
    await people.say(crowd.arrivals([*warm, *buyers]))
    await wait_until(lambda: _is_routed(place), PATIENCE)
    await people.say(crowd.purchases(warm), together=1)
    await until(lambda: all(crowd.wanted(user) in place.double.accepted for user in warm), PATIENCE)
    count = max(round(READINGS * size), 100)
    async with _measured(ships, ACCEPTED, count) as readings:
        await people.say(crowd.readings(buyers, count))
    turns += readings
    count = max(round(LOOKS * size), 100)
    async with _measured(ships, ROUTED, count) as looks:
        await people.say(crowd.looks(buyers, count))
        await until(lambda: _is_routed(place), PATIENCE)
    turns += looks
    before = place.double.accepted.total()
    async with _measured(ships, JOURNEYS, len(buyers)) as journeys:
        await people.say(crowd.purchases(buyers), together=1)
        await until(lambda: place.double.accepted.total() >= before + len(buyers), PATIENCE)
    await wait_until(lambda: _is_routed(place), PATIENCE)
    return [*turns, *journeys]


@asynccontextmanager
async def _measured(ships: Fleet, load: str, count: int) -> AsyncIterator[list[Turn]]:
    """What the block takes; the list holds it afterwards."""
    taken: list[Turn] = []
    psutil.cpu_percent(None)
    before, began = ships.cpu(), time.monotonic()
    yield taken
    seconds, busy, after = time.monotonic() - began, psutil.cpu_percent(None) / 100, ships.cpu()
    cpu = {part: after[part] - before[part] for part in after}
    taken.append(Turn(load, len(ships.doors), count, seconds, busy, cpu))


async def _is_routed(place: Ground) -> bool:
    async with place.database.read() as connection:
        return not await backlog(connection)


async def _counted(place: Ground, bought: set[str], acknowledged: set[str]) -> Tally:
    """Every acknowledged event is looked for, and every email by the double's count."""
    async with place.database.read() as connection:
        stored = Counter((await connection.execute(select(events.c.event_id))).scalars())
    evidence = Evidence(
        wanted=frozenset(crowd.wanted(user) for user in bought),
        accepted=place.double.accepted,
        acknowledged=frozenset(acknowledged),
        seen=stored,
    )
    return check(evidence)


def _shown(turn: Turn) -> str:
    parts = ", ".join(f"{part} {seconds / turn.count * 1e3:.2f}" for part, seconds in turn.cpu.items())
    return f"  {turn.load}: {turn.rate:.0f}/s; CPU ms each: {parts}; the machine {turn.busy:.0%} busy"


def _judged(load: str, pairs: list[Pair]) -> Bound:
    """By the rate where two of each have left the machine idle, else by our own CPU for each event."""
    rate = median([pair.two.rate / pair.one.rate for pair in pairs])
    cpu = median([pair.two.ours / pair.one.ours for pair in pairs])
    busy = median([pair.two.busy for pair in pairs])
    shown = f"{rate:.2f} of the rate, {cpu:.2f} of the CPU; two of each: {busy:.0%} busy"
    if busy < FULL:
        return Bound(f"{load}, two of each / one", shown, f"≥ {FASTER} of the rate", rate >= FASTER)
    return Bound(f"{load}, two of each / one", shown, f"no room: ≤ {FLAT} of the CPU", rate >= FASTER or cpu <= FLAT)


def _nothing_wrong(tally: Tally) -> list[Bound]:
    wrong = {
        "events acknowledged and lost": tally.lost_events,
        f"emails lost of {tally.wanted}": tally.lost,
        "emails sent twice": tally.twice,
        "emails nobody wanted": tally.unexpected,
    }
    return [Bound(name, str(count), "0", count == 0) for name, count in wrong.items()]
