"""T15 through Temporal: the timers of shipped journeys fire in one second, without workers, and all drain at a set rate."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from storage.tables import sends
from tests.doubles.sendgrid import SendGridDouble

from . import databases, shop
from .edited import with_expiry
from .evidence import Evidence
from .play import Play
from .rated import BURST, WINDOWS, most, too_fast
from .result import Part
from .shop import Shop
from .sleepers import CARTS, Sleepers, Timer, entry_of, journey_of, key_of
from .walks import STUCK

FULL = 20_000
RATE = 40
"""Messages a second at full size; the smaller the run, the lower, so that something has to wait."""
OUTAGE = timedelta(minutes=1)
"""Without workers, from the instant on; a minute is also the least after which a message can expire."""
SHARE = 0.15
"""Of the whole time, in which people enter."""
PACE = 80
"""People who enter in a second; a slower machine has fewer when the instant comes."""
LEAD = timedelta(seconds=20)
"""Before the instant, beside the time that people need to enter; nobody enters in the second half of it."""
STOP = timedelta(seconds=3)
"""How long before the instant the workers go."""
TOGETHER = 25
"""People in one post."""
BEHIND = 100
"""How many may have entered without a run in Temporal before others follow."""
FINAL = ("accepted", "withheld", "refused", "unknown")


async def through_temporal(play: Play) -> tuple[Part, str]:
    """The checked load, and what there is to say about its time and its rate."""
    asked, rate = play.count(FULL, 100), max(round(RATE * play.size), 5)
    play = replace(play, home=play.home / "timers")
    play.home.mkdir()
    async with databases.empty(play) as place, SendGridDouble(keep_bodies=False) as double:
        program = with_expiry(play.home / "program", "cart/still_here", "1m")
        async with shop.opened(
            play.home, place.url, double, workers=2, worker=program, JOURNEYMAN_RATES=f"email={rate}"
        ) as town:
            seconds = min(asked / PACE, play.seconds * SHARE)
            instant = datetime.now(UTC) + LEAD + timedelta(seconds=seconds)
            sleepers = Sleepers(town, instant)
            try:
                await _enter(play, sleepers, asked, instant)
                return await _fired(play, town, sleepers, instant, asked, rate)
            finally:
                await sleepers.close()


async def _enter(play: Play, sleepers: Sleepers, asked: int, instant: datetime) -> None:
    """As many as there is time for, in step with their runs in Temporal."""
    reached, last = 0, instant - LEAD / 2
    while reached < asked and datetime.now(UTC) < last:
        if await sleepers.started() < reached - BEHIND:
            await asyncio.sleep(0.2)
            continue
        await sleepers.enter(range(reached, min(reached + TOGETHER, asked)))
        reached = len(sleepers.entered)
        play.show("asleep until one second", reached, asked)


async def _fired(
    play: Play, town: Shop, sleepers: Sleepers, instant: datetime, asked: int, rate: int
) -> tuple[Part, str]:
    double, back, reached = town.double, instant + OUTAGE, len(sleepers.entered)
    while (left := instant - STOP - datetime.now(UTC)) > timedelta(0):
        play.show("seconds until all timers fire", 0, round(left.total_seconds()))
        await asyncio.sleep(min(left.total_seconds(), 1.0))
    for worker in town.workers:
        worker.end()
    while (left := back - datetime.now(UTC)) > timedelta(0):
        play.show("seconds of a minute without workers", round((OUTAGE - left).total_seconds()), OUTAGE.seconds)
        await asyncio.sleep(min(left.total_seconds(), 1.0))
    for worker in town.workers:
        worker.start()
    stuck = not await _drained(play, town, reached, rate)
    timers, ledger = await sleepers.timers(), await town.ledger()
    keys = {key_of(number): number for number in sleepers.entered}
    accepted = {call.send_key: datetime.fromtimestamp(call.at, UTC) for call in double.calls if call.behaviour.accepts}
    expired = [key for key, status in ledger.items() if status == "withheld"]
    together = most([timer.fires.timestamp() for timer in timers], 1.0)
    arrivals = [call.monotonic for call in double.calls]
    evidence = Evidence(
        wanted=frozenset(keys),
        accepted=double.accepted.copy(),
        ledger=ledger,
        acknowledged=frozenset(map(entry_of, sleepers.entered)),
        seen=Counter(timer.entry for timer in timers),
        in_doubt=frozenset(),
        faults={"due_in_one_second": together, "expired": len(expired)},
        least={"due_in_one_second": reached // 2, "expired": max(reached // 10, 1)},
        problems=(
            *(["some timers have not led to a decision: not all has drained"] if stuck else []),
            *too_fast(arrivals, rate),
            *_wrong(keys, timers, accepted, expired, instant),
        ),
    )
    part = Part.of("through Temporal, with a rate", evidence, asked=asked, reached=reached, unit="timers")
    return part, _note(accepted, len(expired), arrivals, back, rate, together)


async def _drained(play: Play, town: Shop, reached: int, rate: int) -> bool:
    """Wait until everybody's message is decided; False if nothing has moved for too long."""
    decided = select(func.count()).select_from(sends).where(sends.c.status.in_(FINAL))
    loop = asyncio.get_running_loop()
    before, moved = 0, loop.time()
    while True:
        async with town.database.read() as connection:
            done = int(await connection.scalar(decided) or 0)
        play.show(f"decided, at {rate}/s through Temporal", done, reached)
        if done >= reached:
            return True
        if done != before:
            before, moved = done, loop.time()
        elif loop.time() - moved > STUCK:
            return False
        await asyncio.sleep(1)


def _wrong(
    keys: Mapping[str, int],
    timers: Sequence[Timer],
    accepted: Mapping[str, datetime],
    withheld: Sequence[str],
    instant: datetime,
) -> list[str]:
    """What fired or went before its time or too late, and whose journey did not go on."""
    # A run that a slow machine starts after the instant is no part of the herd, and its message is younger.
    asleep = {timer.entry for timer in timers if timer.started <= instant}
    stale = [key for key, number in keys.items() if journey_of(number) == CARTS and entry_of(number) in asleep]
    found = {
        "timers fire too early": [timer.entry for timer in timers if timer.fires < instant],
        "messages went before they were due": [key for key, at in accepted.items() if at < instant],
        # The workers came back when it had expired: there is no moment at which it could have gone.
        "expired messages were sent late": [key for key in stale if key in accepted],
        "messages were withheld and had not expired": [
            key for key in withheld if key not in keys or journey_of(keys[key]) != CARTS
        ],
        "journeys did not go on after their first message": [timer.entry for timer in timers if not timer.is_open],
    }
    return [f"{len(which)} {what}: {', '.join(sorted(which)[:10])}" for what, which in found.items() if which]


def _note(
    accepted: Mapping[str, datetime], expired: int, arrivals: Sequence[float], back: datetime, rate: int, together: int
) -> str:
    took = max((max(accepted.values(), default=back) - back).total_seconds(), 0.1)
    first = (min(accepted.values(), default=back) - back).total_seconds()
    busiest = [most(arrivals, seconds) / seconds for seconds in WINDOWS]
    return (
        f"Through Temporal at {rate} messages a second: {together:,} timers were due in the same second. From the workers' return, a "
        f"minute after it, {len(accepted):,} messages drained in {took:.0f} s ({len(accepted) / took:.1f}/s), "
        f"the first after {first:.1f} s; {expired:,} had expired and were withheld. By the provider's clock the busiest second had "
        f"{busiest[0]:.0f}, the busiest ten {busiest[1]:.1f}/s; allowed are {rate * (1 + BURST):.0f} and "
        f"{rate * (10 + BURST) / 10:.1f}/s."
    )
