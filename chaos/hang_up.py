"""T2: a provider that accepts and hangs up, refuses, fails, slows down and hangs; and what a sender without a claim makes of it."""

from __future__ import annotations

from activities.channels.sendgrid import SendGrid
from storage.database import Database
from tests.doubles.sendgrid import SendGridDouble
from workflows.requests import SendRequest

from . import databases, desk, shop
from .desk import MARKETING, SERVICE, Desk, key_of, wanted
from .evidence import Evidence
from .faults import MIX, counted, in_doubt, least, lost_after_acceptance
from .naive import Naive
from .offering import offer
from .play import Play
from .pushes import push, silence_is_over
from .result import Bar, Part, Result
from .telling import Telling
from .walks import Walks, keys_of

TITLE = "A provider that accepts and hangs up"
FULL, WALKERS = 50_000, 700
AT_ONCE = 48
EACH = 5
"""Messages for each person."""
NOTES = [
    "Without workflows: the shipped Sender against ledger and database, asked as Temporal would ask it. What is to be tried "
    "later is tried when the answer says, from one second on; nothing of that is compressed.",
    "The 15 minutes of silence before a service message goes once more are compressed: `until` of each message in doubt "
    "is moved into the past when the webhooks that come in time have come.",
    "A fifth of all messages is not told of before that: of these, service may go twice, and marketing may not.",
    "At the end a tenth of all messages is asked for again, as after a reset.",
    "Push goes through firebase-admin to a double of Firebase. It has no webhooks: every push in doubt goes once more, and its "
    "copy has to take the place of the first on the person's device. A third of the people has two devices.",
]


async def run(play: Play) -> Result:
    """The load without workflows, a part of it through Temporal, pushes, and the first load again without the claim."""
    result = Result(scenario="T2", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with databases.empty(play) as place:
        async with (
            SendGridDouble(keep_bodies=False) as double,
            shop.opened(play.home, place.url, double, workers=2) as town,
        ):
            double.mix(MIX, seed=play.seed)
            async with desk.opened(place.url, play.home, double, town.secret) as counter:
                direct = await _direct(play, town, counter)
                marketing = {key_of(each) for each in _requests(play) if each.walk.journey == MARKETING.journey}
                doubled = sum(count > 1 for key, count in double.accepted.items() if key in marketing)
            result.parts.append(direct)
            result.parts.append(await _walked(play, town, {key_of(request) for request in _requests(play)}))
            pushed = await push(play, town, 0.12)
        twice, sent = await _naive(play, Database(place.url), direct.reached)
    result.parts.append(pushed.part)
    result.bars = [
        Bar(label="call, then record" + (f" (of {sent:,})" if sent < direct.reached else ""), value=twice),
        Bar(label="the claim: marketing", value=doubled),
        Bar(label="the claim: service, as its policy says", value=direct.tally.repeated),
        Bar(label=f"push: accepted (of {pushed.part.reached:,})", value=pushed.accepted_twice),
        Bar(label=f"push: visible (of {pushed.part.reached:,})", value=pushed.visible_twice),
    ]
    result.caption = f"Messages that went twice, of {direct.reached:,}, with the same faults and the same seed"
    if not twice:
        result.problems.append("the comparison shows nothing: without the claim nothing went twice either")
    return result


def _requests(play: Play) -> list[SendRequest]:
    """Every fifth is a service message."""
    return [
        wanted(number, MARKETING if number % 5 else SERVICE, f"u-{number // EACH}")
        for number in range(play.count(FULL))
    ]


async def _direct(play: Play, town: shop.Shop, counter: Desk) -> Part:
    requests, chances, double = _requests(play), play.chances("silence"), town.double
    keys = {key_of(request): request for request in requests}
    service = {key for key, request in keys.items() if request.walk.journey == SERVICE.journey}
    silent = {key for key in keys if chances.random() < 0.2}
    await counter.people(dict.fromkeys(request.walk.user for request in requests))
    telling = Telling(double, silent.__contains__)
    async with telling.meanwhile():
        reached = await offer(
            requests,
            counter.once,
            at_once=AT_ONCE,
            over=play.lasting(0.4),
            done=lambda count: play.show("sent without workflows", count, len(requests)),
        )
    await telling.catch_up()
    await silence_is_over(counter.database)
    doubted = [keys[key] for key, answer in counter.answers.items() if answer.until is not None]
    once_more = chances.sample(requests[:reached], reached // 10)
    await offer([*doubted, *once_more], counter.once, at_once=AT_ONCE)
    await telling.all()
    evidence = Evidence(
        wanted=frozenset(key_of(request) for request in requests[:reached]),
        accepted=double.accepted.copy(),
        ledger=await town.ledger(),
        may_repeat=lost_after_acceptance(double.calls) & service & silent,
        in_doubt=in_doubt(double.calls),
        is_told=True,
        faults=counted(double.calls),
        least=least(reached),
    )
    return Part.of("without workflows", evidence, asked=len(requests), reached=reached, unit="messages")


async def _walked(play: Play, town: shop.Shop, before: set[str]) -> Part:
    """The same faults, met by whole journeys; all of it is marketing."""
    asked, walks, double = play.count(WALKERS), Walks(town), town.double
    earlier = len(double.calls)
    telling = Telling(double)
    problems = []
    try:
        async with telling.meanwhile():
            reached = 0
            over = play.lasting(0.12)
            while reached < asked and not over():
                await walks.enter(range(reached, min(reached + 10, asked)))
                reached = len(walks.entered)
                play.show("entered through Temporal", reached, asked)
            if not await walks.over():
                problems.append("some journeys did not end")
        await telling.catch_up()
        calls = double.calls[earlier:]
        evidence = Evidence(
            wanted=walks.wanted(),
            accepted={key: count for key, count in double.accepted.items() if key not in before},
            ledger={key: status for key, status in (await town.ledger()).items() if key not in before},
            acknowledged=walks.acknowledged(),
            seen=await walks.seen(),
            in_doubt=in_doubt(calls),
            is_told=True,
            faults=counted(calls),
            least=least(len(walks.entered) * len(keys_of(0))),
            problems=tuple(problems),
        )
    finally:
        await walks.close()
    return Part.of(
        "through Temporal", evidence, asked=asked * len(keys_of(0)), reached=len(evidence.wanted), unit="messages"
    )


async def _naive(play: Play, database: Database, count: int) -> tuple[int, int]:
    """How many of as many messages went twice without the claim, with the same faults and seed; and how many were sent."""
    requests = _requests(play)[:count]
    async with SendGridDouble(keep_bodies=False) as double:
        double.mix(MIX, seed=play.seed)
        provider = SendGrid(
            double.api_key, sender=("shop@example.com", ""), reply_to=None, host=double.url, threads=desk.THREADS
        )
        try:
            naive = Naive(database, provider)
            await naive.prepare()
            sent = await offer(
                map(key_of, requests),
                naive.once,
                at_once=AT_ONCE,
                over=play.lasting(0.25),
                done=lambda done: play.show("sent without the claim", done, count),
            )
        finally:
            await provider.close()
            await database.close()
        return sum(times > 1 for times in double.accepted.values()), sent
