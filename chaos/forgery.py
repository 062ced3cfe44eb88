"""T7: webhooks forged, cut, outdated, oversized and repeated, among those that are true."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection

from sqlalchemy import func, select

from storage.tables import consents, deliveries, events, unreachable
from tests.doubles.sendgrid import CUT_AFTER_ACCEPT, SendGridDouble

from . import databases, desk, shop
from .desk import MARKETING, key_of, wanted
from .evidence import Evidence
from .forgers import Forger
from .offering import offer
from .play import Play
from .result import Part, Result
from .shop import Shop

TITLE = "Forged and repeated webhooks"
FULL, MESSAGES = 10_000, 1_000
REPEATS = 46
TRUE = ("processed", "delivered")
AT_ONCE = 16
COSTLY = {"too_large": 0.02}
"""Shares of the kinds that take long to send; the others share the rest evenly."""
NOTES = [
    "The provider has accepted every message and lost every answer, so that all are unknown. Half of them are truly told of "
    "as delivered; the forged webhooks are about the other half, which must stay as it is.",
]


async def run(play: Play) -> Result:
    """Send, then post true, repeated and forged webhooks in one shuffled stream."""
    result = Result(scenario="T7", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with (
        databases.empty(play) as place,
        SendGridDouble(keep_bodies=False, otherwise=CUT_AFTER_ACCEPT) as double,
        shop.opened(play.home, place.url, double, workers=0) as town,
        desk.opened(place.url, play.home, double, town.secret) as counter,
    ):
        requests = [wanted(number, MARKETING, f"u-{number}") for number in range(play.count(MESSAGES, 10))]
        await counter.people(request.walk.user for request in requests)
        await offer(requests, counter.once, at_once=32)
        keys = [key_of(request) for request in requests]
        told, victims = keys[::2], keys[1::2]
        result.parts.append(
            await _posts(play, town, told, victims, {f"u-{number}" for number in range(1, len(keys), 2)})
        )
    return result


async def _posts(play: Play, town: Shop, told: list[str], victims: list[str], people: Collection[str]) -> Part:
    double, chances = town.double, play.chances("posts")
    forger = Forger(
        f"{town.url}/v1/webhooks/sendgrid",
        double.signer,
        [double.messages[key] for key in victims],
        play.chances("forgers"),
    )
    asked, over = play.count(FULL, 150), play.until(0.8)
    often = told[0]
    stream = [*told, *[often] * (REPEATS - 1)]
    shares = [COSTLY.get(kind, 1 / len(forger.kinds)) for kind in forger.kinds]
    stream += chances.choices(forger.kinds, shares, k=max(asked - len(stream), len(forger.kinds)))
    chances.shuffle(stream)
    begun: Counter[str] = Counter()

    async def post(what: str) -> None:
        if what in forger.kinds:
            await forger.post(what)
        else:
            begun[what] += 1
            await double.tell(what, *TRUE)

    try:
        reached = await offer(
            stream, post, at_once=AT_ONCE, over=over, done=lambda count: play.show("posted", count, len(stream))
        )
        await asyncio.sleep(0)
        problems = [*forger.problems[:20], *await _changes(town, begun, victims, people)]
        assert double.teller is not None
        if failed := {status: count for status, count in double.teller.statuses.items() if status >= 500 or not status}:
            problems.append(f"true webhooks were answered with {failed}")
        evidence = Evidence(
            wanted=frozenset([*told, *victims]),
            accepted=double.accepted.copy(),
            ledger=await town.ledger(),
            faults=forger.counts | {"repeats": begun[often] - 1},
            least={"repeats": REPEATS - 1 if reached == len(stream) else 1} | dict.fromkeys(forger.kinds, 1),
            problems=tuple(problems),
        )
    finally:
        await forger.close()
    return Part.of("posts", evidence, asked=len(stream), reached=reached, unit="posts")


async def _changes(town: Shop, told: Collection[str], victims: list[str], people: Collection[str]) -> list[str]:
    """What the database says that only the forged webhooks can have put there, or that the true ones have not."""
    ledger, found = await town.ledger(), list[str]()
    async with town.database.read() as connection:
        rows = (await connection.execute(select(deliveries.c.send_key, deliveries.c.event))).all()
        refused = (await connection.execute(select(func.count()).select_from(consents))).scalar()
        dead = (await connection.execute(select(func.count()).select_from(unreachable))).scalar()
        heard = [row.user_id for row in await connection.execute(select(events.c.user_id))]
    if changed := [key for key in victims if ledger.get(key) != "unknown"]:
        found.append(f"forged webhooks settled {len(changed)} messages")
    if refused or dead:
        found.append(f"forged webhooks wrote {refused} refusals and {dead} dead addresses")
    if heard_of := [user for user in heard if user in people]:
        found.append(f"forged webhooks became {len(heard_of)} events")
    expected = {(key, word): 1 for key in told for word in TRUE}
    if (kept := Counter((row.send_key, row.event) for row in rows)) != expected:
        found.append(f"{len(kept)} reports are kept where {len(expected)} were told, some more than once")
    if unsettled := [key for key in told if ledger.get(key) != "accepted"]:
        found.append(f"{len(unsettled)} messages that were truly told of are not settled")
    if len(heard) != len(told) + len([user for user in heard if user in people]):
        found.append(f"{len(told)} delivered messages became {len(heard)} events")
    return found
