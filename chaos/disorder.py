"""T3: every event in one to five copies, by sixteen clients at once and in any order, some late, some with another body."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import select

from storage.database import Database
from storage.routing import backlog
from storage.tables import events, open_runs, people
from tests.doubles.sendgrid import SendGridDouble
from tests.servers import wait_until

from . import databases, shop
from .disorder_traffic import LATE, Copy, Original, bought, originals, postings, waiting
from .evidence import SHOWN, Evidence
from .play import Play
from .posting import posted
from .result import Part, Result
from .shop import KEY, Shop

TITLE = "Duplicates and disorder"
FULL, CLIENTS, BATCH = 100_000, 16, 50
ROUTED = 900
"""Seconds within which all of it must have reached Temporal."""
NOTES = [
    "The same events are sent twice over, each time to an empty system and in another order. Seen counts the rows that an "
    "event has left; profile and open runs must be what the events say, and the same after both orders.",
    "A copy with another body is sent alone, when the original has been answered with 200: its answer must be 409.",
    "What happened 30 days before it was told is stored, counts for the profile, and opens no run.",
    "On PostgreSQL there are two front doors with their relays, and half of the clients are at each.",
    "Without a worker: what is compared is what was stored and what was opened, not what was sent.",
]


@dataclass(frozen=True)
class Outcome:
    """What an order of events has led to."""

    stored: dict[str, tuple[str, str, str]]
    """Name, person and facts by event id."""
    copies: Counter[str]
    profiles: dict[str, tuple[int, str]]
    open: frozenset[tuple[str, str, str]]


async def run(play: Play) -> Result:
    """Two shuffles of the same events."""
    result = Result(scenario="T3", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    said = originals(play.count(FULL, 100), datetime.now(UTC), play.chances("events"))
    outcomes = []
    for name in ("one order", "another order"):
        once = replace(play, home=play.home / name.replace(" ", "-"))
        once.home.mkdir()
        async with (
            databases.empty(once) as place,
            SendGridDouble(keep_bodies=False) as double,
            shop.opened(once.home, place.url, double, workers=0, doors=place.doors) as town,
        ):
            clients = Clients(once, town, said, play.chances(name))
            part, outcome = await clients.part(name)
        result.parts.append(part)
        outcomes.append(outcome)
    if outcomes[0] != outcomes[1]:
        result.problems.append(f"the two orders have led to different outcomes: {_differences(*outcomes)}")
    return result


class Clients:
    """Sixteen of them, who know nothing of each other but what was answered."""

    def __init__(self, play: Play, town: Shop, said: list[Original], chances: random.Random) -> None:
        self._play, self._town, self._said = play, town, said
        self._postings = postings(said, chances)
        self._taken: set[str] = set()
        self._refused = 0
        self._done = 0
        self._problems: list[str] = []

    async def part(self, name: str) -> tuple[Part, Outcome]:
        """Post it all, wait until it has reached Temporal, and compare with what the events say."""
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                url = self._town.urls[number % len(self._town.urls)]
                group.create_task(self._client(url, self._postings[number::CLIENTS]))

        async def routed() -> bool:
            async with self._town.database.read() as connection:
                left = await backlog(connection)
            self._play.show(f"{name}, routed", len(self._said) - left, len(self._said))
            return not left

        await wait_until(routed, ROUTED)
        outcome = await _outcome(self._town.database)
        others = sum(each.is_other for each in self._postings)
        if self._refused != others:
            self._problems.append(f"{others - self._refused} of {others} other bodies were not answered with 409")
        self._problems += _wrong(self._said, outcome)
        evidence = Evidence(
            wanted=frozenset(),
            accepted={},
            acknowledged=frozenset(self._taken),
            seen=outcome.copies,
            faults={
                "copies": len(self._postings) - others - len(self._said),
                "other_bodies": others,
                "late": sum(each.at < datetime.now(UTC) - LATE for each in self._said),
            },
            least={"copies": len(self._said), "other_bodies": 1, "late": 1},
            problems=tuple(self._problems),
        )
        size = len(self._said)
        return Part.of(name, evidence, asked=size, reached=len(self._taken), unit="events"), outcome

    async def _client(self, url: str, mine: Sequence[Copy]) -> None:
        left = [*mine]
        async with httpx.AsyncClient(trust_env=False, timeout=60, auth=(KEY, "")) as http:
            while left:
                some, left = left[:BATCH], left[BATCH:]
                same = [each.of for each in some if not each.is_other]
                if same:
                    await self._post(http, url, same)
                for other in (each for each in some if each.is_other):
                    if other.of.id in self._taken:
                        await self._post_other(http, url, other.of)
                    else:
                        left.append(other)
                if not same and left:
                    await asyncio.sleep(0.05)  # The originals of what is left are with other clients.
                self._done += len(some)
                self._play.show("copies", self._done, len(self._postings))

    async def _post(self, http: httpx.AsyncClient, url: str, some: list[Original]) -> None:
        body = {"batch": [each.call() for each in some]}
        answer, _ = await posted(http, f"{url}/v1/batch", body)
        if (answer.status_code, answer.json()) == (200, {"success": True}):
            self._taken.update(each.id for each in some)
        else:
            self._problems.append(f"a batch of originals and copies was answered with {answer.status_code}")

    async def _post_other(self, http: httpx.AsyncClient, url: str, original: Original) -> None:
        answer, _ = await posted(http, f"{url}/v1/track", original.call(note="another body"))
        self._refused += answer.status_code == 409


async def _outcome(database: Database) -> Outcome:
    async with database.read() as connection:
        rows = (await connection.execute(select(events))).all()
        profiles = (await connection.execute(select(people))).all()
        runs = (await connection.execute(select(open_runs).where(open_runs.c.state == "open"))).all()
    return Outcome(
        stored={row.event_id: (row.name, row.user_id, str(sorted(row.properties.items()))) for row in rows},
        copies=Counter(row.event_id for row in rows),
        profiles={row.user_id: (row.orders, f"{row.spent:.2f}") for row in profiles},
        open=frozenset((row.journey, row.user_id, row.key) for row in runs),
    )


def _wrong(said: list[Original], outcome: Outcome) -> list[str]:
    """Where that is not what the events say."""
    meant = {each.id: (each.name, each.user, each.properties) for each in said}
    stored = {event_id: (name, user) for event_id, (name, user, _) in outcome.stored.items() if event_id in meant}
    expected: dict[str, Any] = {user: (0, "0.00") for _, user, _ in meant.values()}
    expected |= {user: (orders, f"{spent:.2f}") for user, (orders, spent) in bought(said)}
    found = []
    if stored != {event_id: (name, user) for event_id, (name, user, _) in meant.items()}:
        found.append("what is stored is not what was sent")
    if any("another body" in facts for _, _, facts in outcome.stored.values()):
        found.append("another body has taken the place of the original")
    if outcome.profiles != expected:
        found.append("the profiles do not add up")
    open_, meant_open = {user for journey, user, _ in outcome.open if journey == "gap"}, waiting(said)
    if odd := sorted(open_ ^ meant_open):
        found.append(f"{len(odd)} runs are open or closed against what the events say: {', '.join(odd[:SHOWN])}")
    return found


def _differences(one: Outcome, other: Outcome) -> str:
    parts = ("stored", "copies", "profiles", "open")
    return ", ".join(part for part in parts if getattr(one, part) != getattr(other, part))
