"""T1: whole journeys while workers, the front door, the database and Temporal are killed again and again."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select

from storage.tables import sends
from tests.doubles.sendgrid import SendGridDouble, delay

from . import databases, shop
from .evidence import Evidence
from .play import Play
from .result import Part, Result
from .shop import Shop
from .storm import Storm
from .telling import Telling
from .walks import Walks

TITLE = "A storm of kills"
FULL, KILLS, WORKERS = 10_000, 100, 4
LEAST = 3
PACE = 1.5
"""Journeys are let in so slowly that this many times the kills that are needed fall upon them."""
INSIDE = 150
"""Journeys that are under way at once; more would only wait."""
TOGETHER = 10
NOTES = [
    "The front door, the workers and Temporal are processes of their own, started again whenever they end; Temporal keeps "
    "its state in its file. A supervisor's second is all that is waited for.",
    "A third of the provider's answers takes 0.3 s, so that kills fall between acceptance and answer. The webhooks of half "
    "of the messages come only at the end: until then it can be seen how many attempts died in the provider call.",
    "All three emails are marketing: what dies before it has reached the provider stays unknown and is never sent again.",
]


async def run(play: Play) -> Result:
    """Feed the journeys until all have entered or the time is over, then let the weather calm down and count."""
    result = Result(scenario="T1", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with databases.empty(play) as place, SendGridDouble(keep_bodies=False) as double:
        double.mix({delay(0.3): 0.33}, seed=play.seed)
        async with shop.opened(play.home, place.url, double, workers=WORKERS) as town:
            result.parts.append(await _storm(play, town, Storm(play, town, place)))
    return result


async def _storm(play: Play, town: Shop, storm: Storm) -> Part:
    asked, walks, problems = play.count(FULL), Walks(town), list[str]()
    telling = Telling(town.double, is_silent=lambda key: key[-1] in "02468ace")
    try:
        async with telling.meanwhile():
            async with storm.raging():
                await _feed(play, walks, storm, asked)
            if not await walks.over(lambda open_: play.show("waiting for the last to end", asked - open_, asked)):
                problems.append("some journeys did not end")
        died = await _died(town)
        await telling.all()
        problems += [f"a run did not complete: {run}" for run in (await walks.broken())[:10]]
        evidence = Evidence(
            wanted=walks.wanted(),
            accepted=town.double.accepted.copy(),
            ledger=await town.ledger(),
            acknowledged=walks.acknowledged(),
            seen=await walks.seen(),
            is_told=True,
            faults=storm.faults() | {"died_in_the_call": died, "posts_repeated": walks.repeated},
            least=dict.fromkeys(storm.faults(), 1)
            | {"workers_killed": kills_needed(play, len(walks.entered))}
            | {"temporal_killed": 2},
            problems=tuple(problems),
        )
    finally:
        await walks.close()
    return Part.of("whole journeys", evidence, asked=asked, reached=len(walks.entered), unit="journeys")


def kills_needed(play: Play, entered: int) -> int:
    """A hundred at full size, however far it came; smaller runs prove as much less as they have reached."""
    return KILLS if play.size >= 1 else max(round(KILLS * entered / FULL), LEAST)


async def _feed(play: Play, walks: Walks, storm: Storm, asked: int) -> None:
    """Let people in as others leave, and as workers are killed; Temporal goes after a third and two thirds of them or of the time."""
    due = [(asked // 3, play.until(1 / 3)), (asked * 2 // 3, play.until(2 / 3))]
    over = play.until(1)
    begun = 0
    while begun < asked and not over():
        behind = storm.faults()["workers_killed"] < PACE * play.count(KILLS, LEAST) * (begun - INSIDE) / asked
        if not behind and (inside := await walks.inside()) is not None and inside < INSIDE:
            some = [range(place, min(place + TOGETHER, asked)) for place in range(begun, begun + 50, TOGETHER)]
            await asyncio.gather(*(walks.enter(numbers) for numbers in some if numbers))
            begun = min(begun + 50, asked)
            play.show("journeys entered", begun, asked)
        else:
            await asyncio.sleep(0.5)
        if due and (begun >= due[0][0] or due[0][1]()):
            await storm.kill_temporal()
            due.pop(0)
    for _ in due:
        await storm.kill_temporal()


async def _died(town: Shop) -> int:
    """Attempts that were killed while they held a claim, as far as no webhook has settled them yet."""
    query = select(func.count()).select_from(sends).where(sends.c.status == "unknown")
    async with town.database.read() as connection:
        return (await connection.execute(query)).scalar() or 0
