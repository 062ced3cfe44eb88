"""T10: people unsubscribe, scanners look and forgers post while messages go out as fast as the machine carries them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from sqlalchemy import select

from storage.tables import consents
from tests.doubles.sendgrid import Call, SendGridDouble, delay
from tests.servers import wait_until

from . import databases, desk, shop
from .desk import MARKETING, key_of, wanted
from .evidence import Evidence
from .fire import Fire
from .offering import offer
from .play import Play
from .result import Part, Result
from .shop import Shop
from .walks import Walks, keys_of, user_of

TITLE = "Unsubscribing under fire"
FULL, PEOPLE, WALKERS = 60_000, 3_000, 400
AT_ONCE = 48
LATE = 10.0
"""Seconds after the confirmation within which the promise allows a message that was under way."""
THREADS = 16
"""The channel's own number: with more than that at once, claimed messages wait for a thread, and a click can overtake them."""
SLOW = {delay(0.4): 0.5}
SLOWLY = 0.25
"""Of the load without workflows; the rest goes as fast as it can."""
TOPIC = "win_back"
TOPICS = ("win_back", "onboarding")
NOTES = [
    "The load asked for is what 1,000 sends a second would make in a minute; it goes as fast as this machine carries it.",
    "In the first quarter without workflows, and through Temporal, half of the provider's answers take 0.4 s, so that claimed "
    "messages wait for a thread while their people unsubscribe; after that the provider answers at once.",
]


async def run(play: Play) -> Result:
    """First without workflows, then by whole journeys."""
    result = Result(scenario="T10", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with (
        databases.empty(play) as place,
        SendGridDouble(keep_bodies=False) as double,
        shop.opened(play.home, place.url, double, workers=1) as town,
    ):
        double.mix(SLOW, seed=play.seed)
        await _direct(play, town, result)
        await _walked(play, town, result)
    return result


async def _direct(play: Play, town: Shop, result: Result) -> None:
    chances = play.chances("who")
    users = [f"u-{number}" for number in range(play.count(PEOPLE, 20))]
    leaving = set(chances.sample(users, len(users) // 3))
    staying = [user for user in users if user not in leaving]
    requests = [wanted(number, MARKETING, chances.choice(users)) for number in range(play.count(FULL, 200))]
    fire, ended, done, quickly = Fire(town, play.chances("fire")), asyncio.Event(), 0, 0.0
    is_slow_over = play.lasting(0.55 * SLOWLY)

    def progress(count: int) -> None:
        nonlocal done, quickly
        done = count
        if not quickly and (count >= SLOWLY * len(requests) or is_slow_over()):
            town.double.mix({})
            quickly = time.monotonic()
        play.show("sent without workflows", count, len(requests))

    async def leave() -> None:
        """Spread over the load by how much of it is done."""
        for place, user in enumerate(sorted(leaving, key=lambda user: chances.random())):
            await wait_until(partial(is_time, 0.8 * place / len(leaving)), play.seconds + 60)
            await fire.click(user, [TOPIC])

    def is_time(share: float) -> bool:
        return done >= len(requests) * share or ended.is_set()

    try:
        async with (
            desk.opened(town.database.url, play.home, town.double, town.secret, threads=THREADS) as counter,
            asyncio.TaskGroup() as group,
        ):
            await counter.people(users)
            group.create_task(leave())
            group.create_task(fire.scanners(staying, TOPIC, ended.is_set))
            reached = await offer(requests, counter.once, at_once=AT_ONCE, over=play.lasting(0.55), done=progress)
            ended.set()
        result.notes += [
            _rate("without workflows, half of the answers slow", town.double.calls, before=quickly),
            _rate("without workflows, against ledger and queue alone", town.double.calls, since=quickly),
        ]
        sent = {key_of(request): request.walk.user for request in requests[:reached]}
        evidence = Evidence(
            wanted=frozenset(sent),
            accepted=town.double.accepted.copy(),
            ledger=await town.ledger(),
            in_doubt=frozenset(),
            faults=fire.counts,
            least={"posts": len(leaving), "scans": 1, "forged": 1},
            problems=(*fire.problems, *await _wrong(town, fire, sent, result, "without workflows")),
        )
    finally:
        await fire.close()
    result.parts.append(Part.of("without workflows", evidence, asked=len(requests), reached=reached, unit="messages"))


async def _walked(play: Play, town: Shop, result: Result) -> None:
    asked, walks, chances = play.count(WALKERS, 5), Walks(town), play.chances("walkers")
    fire, before, over, problems = (
        Fire(town, play.chances("second fire")),
        {*town.double.accepted},
        play.lasting(0.25),
        list[str](),
    )
    clicks: list[asyncio.Task[None]] = []

    async def leave(number: int, after: float) -> None:
        await asyncio.sleep(after)
        await fire.click(user_of(number), TOPICS)

    town.double.mix(SLOW, seed=play.seed + 1)
    began = time.monotonic()
    try:
        for number in range(asked):
            if over():
                break
            await walks.enter([number])
            if number % 2:
                clicks.append(asyncio.create_task(leave(number, chances.uniform(0, 6))))
            play.show("entered through Temporal", number, asked)
        await asyncio.gather(*clicks)
        if not await walks.over():
            problems.append("some journeys did not end")
        result.notes.append(_rate("through Temporal", town.double.calls, since=began))
        wanted_keys = walks.wanted()
        sent = {key: user_of(number) for number in walks.entered for key in keys_of(number)}
        evidence = Evidence(
            wanted=wanted_keys,
            accepted={key: count for key, count in town.double.accepted.items() if key not in before},
            ledger={key: status for key, status in (await town.ledger()).items() if key in wanted_keys},
            acknowledged=walks.acknowledged(),
            seen=await walks.seen(),
            in_doubt=frozenset(),
            faults=fire.counts,
            least={"posts": len(clicks)},
            problems=(*problems, *fire.problems, *await _wrong(town, fire, sent, result, "through Temporal")),
        )
    finally:
        for click in clicks:
            click.cancel()
        await fire.close()
        await walks.close()
    result.parts.append(Part.of("through Temporal", evidence, asked=asked, reached=len(walks.entered), unit="journeys"))


def _rate(what: str, calls: Sequence[Call], *, since: float = 0.0, before: float = float("inf")) -> str:
    """How many the provider took a second between two moments, by its own clock."""
    at = sorted(call.monotonic for call in calls if call.behaviour.accepts and since <= call.monotonic < before)
    took = at[-1] - at[0] if len(at) > 1 else 0.0
    return f"{what}: {len(at):,} messages in {took:.1f} s" + (f", {len(at) / took:.0f}/s" if took else "")


async def _wrong(town: Shop, fire: Fire, sent: Mapping[str, str], result: Result, part: str) -> list[str]:
    """What was accepted too late, and who was taken for unsubscribed without having asked for it."""
    late = _lateness(town.double.calls, sent, fire.confirmed)
    result.notes.append(
        f"{part}: {len(late)} messages were accepted after the confirmation, the latest {max(late, default=0):.2f} s after it"
    )
    async with town.database.read() as connection:
        refused = {row.user_id for row in await connection.execute(select(consents.c.user_id).where(~consents.c.given))}
    known = set(sent.values())
    found = [f"a message was accepted {seconds:.1f} s after the confirmation" for seconds in late if seconds > LATE]
    found += [
        f"{user} was unsubscribed without having asked" for user in sorted((refused & known) - fire.confirmed.keys())
    ]
    found += [f"{user} asked, and is not unsubscribed" for user in sorted(fire.confirmed.keys() - refused)]
    return found[:20]


def _lateness(calls: Iterable[Call], sent: Mapping[str, str], confirmed: Mapping[str, float]) -> list[float]:
    """Seconds between the confirmation and each message that was accepted after it."""
    mine = ((call.monotonic, confirmed.get(sent.get(call.send_key, ""))) for call in calls if call.behaviour.accepts)
    return [at - told for at, told in mine if told is not None and at > told]
