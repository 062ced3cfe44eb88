"""T16: the provider is away for an hour, answering 503 or nothing at all; then everything drains, and what has expired stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError

from activities.channels.sendgrid import SendGrid
from activities.guard import Moments
from storage.database import UNREACHABLE, Database
from storage.tables import sends
from tests.doubles.sendgrid import ACCEPT, Behaviour, SendGridDouble
from tests.sending import Desk
from tests.sending import desk as desk_for
from tests.servers import free_port
from workflows.requests import SILENCE

from . import databases
from .desk import THREADS, key_of
from .evidence import Evidence
from .hour import EXPIRY, HOUR, KINDS, Clock, Message
from .play import Play
from .rated import rated
from .result import Part, Result

TITLE = "The provider is away for an hour"
FULL = 3_000
MACHINE = (12.0, 90.0)
"""Seconds that the hour takes: at the smallest size, and at full size."""
DRAIN = 120.0
"""Seconds after the outage within which all that waits must have gone."""
CALL = 10.0
"""Seconds after its claim within which a message is handed over, or not at all."""
AWAY = Behaviour("unavailable", 503)
How = Literal["answers 503", "refuses connections"]


async def run(play: Play) -> Result:
    """One hour of each kind of absence, and a minute of it through Temporal with a rate."""
    # Two of these and the minute are to fit into the time; with less of it there are fewer messages.
    wanted = MACHINE[0] + (MACHINE[1] - MACHINE[0]) * play.size
    seconds = max(min(wanted, play.seconds * 0.3), MACHINE[0])
    notes = [
        f"The hour is journey time and lasts {seconds:.0f} s of the machine's. A retry waits as long as it is told by that clock, but "
        "at least a second of the machine's, so that a message is tried fewer times than in a real hour.",
        "The 15 minutes of silence before a service message goes once more are compressed by the same factor.",
        "These two are without workflows, so no rate is set: how fast they drain is what this machine carries.",
    ]
    result = Result(scenario="T16", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=notes)
    ways: tuple[How, How] = ("refuses connections", "answers 503")
    for way in ways:
        hour = replace(play, home=play.home / way.replace(" ", "-"))
        hour.home.mkdir()
        async with databases.empty(hour) as place:
            part, note = await _hour(hour, place.url, way, seconds, seconds / wanted)
        result.parts.append(part)
        result.notes.append(note)
    if play.database == "sqlite" or play.size >= 1:
        part, note = await rated(play)
        result.parts.append(part)
    else:
        note = "The journeys with a rate are played on SQLite alone below full size: Temporal keeps the rate, whatever the database."
    result.notes.append(note)
    return result


@asynccontextmanager
async def _away(double: SendGridDouble, way: How) -> AsyncIterator[asyncio.Event]:
    """The double, away until the event is set."""
    back = asyncio.Event()
    if way == "answers 503":
        double.otherwise = AWAY
        async with double:
            task = asyncio.create_task(_accepting(double, back))
            yield back
            await task
        return
    async with AsyncExitStack() as stack:

        async def open_it() -> None:
            await back.wait()
            await stack.enter_async_context(double)

        task = asyncio.create_task(open_it())
        yield back
        await task


async def _accepting(double: SendGridDouble, back: asyncio.Event) -> None:
    await back.wait()
    double.otherwise = ACCEPT


async def _hour(play: Play, url: str, way: How, seconds: float, share: float) -> tuple[Part, str]:
    double, chances = SendGridDouble(port=free_port(), keep_bodies=False), play.chances(way)
    provider = SendGrid(
        double.api_key, sender=("shop@example.com", ""), reply_to=None, host=double.url, threads=THREADS
    )
    asked = play.count(FULL, 30)
    count = max(round(asked * share), min(asked, 30))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(provider.close)
        back = await stack.enter_async_context(_away(double, way))
        desks: Mapping[str, Desk] = {
            kind: await stack.enter_async_context(
                desk_for(url, play.home / f"{kind}", providers={"email": provider}, **front)
            )
            for kind, front in KINDS.items()
        }
        for number in range(count):
            await desks["service"].person(f"u-{number}")
        clock = Clock(seconds)
        begun = clock.now()
        messages = [Message(number, [*KINDS][number % 3], begun + HOUR * chances.random()) for number in range(count)]
        waits, slots = [0], asyncio.Semaphore(48)
        tasks = [asyncio.create_task(_sent(desks[message.kind], message, clock, slots, waits)) for message in messages]
        await clock.until(begun + HOUR)
        ended = time.monotonic()
        tried = len(double.calls) or waits[0]
        back.set()
        _, stuck = await asyncio.wait(tasks, timeout=DRAIN)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        claims = await _claims(desks["service"].database)
    calls = {call.send_key: call.monotonic for call in double.calls if call.behaviour.accepts}
    handed_over = {call.send_key: call.at for call in double.calls if call.behaviour.accepts}
    took = max(calls.values(), default=ended) - ended
    over = clock.at(ended)
    found = _wrong(messages, {key: clock.at(at) for key, at in calls.items()}, handed_over, claims, over)
    evidence = Evidence(
        wanted=frozenset(key_of(message.request) for message in messages),
        accepted=double.accepted.copy(),
        ledger={key: claim.status for key, claim in claims.items()},
        faults={way.replace(" ", "_"): tried},
        least={way.replace(" ", "_"): count // 2},
        problems=(*found, *([f"{len(stuck)} messages had not drained after {DRAIN:.0f} s"] if stuck else [])),
    )
    waiting = sum(at > ended for at in calls.values())
    note = f"{way}: {waiting} messages drained in {took:.1f} s ({waiting / max(took, 0.1):.0f}/s)"
    return Part.of(way, evidence, asked=asked, reached=count, unit="messages"), note


async def _sent(desk: Desk, message: Message, clock: Clock, slots: asyncio.Semaphore, waits: list[int]) -> None:
    """One send step of a journey: the activity with its retries, and once more after the provider's silence."""
    await clock.until(message.wanted)
    silent = False
    while True:
        try:
            async with slots:
                answer = await desk.sender.perform(message.request, Moments(clock.now(), datetime.now(UTC)))
        except ApplicationError as error:
            waits[0] += 1
            told = error.next_retry_delay.total_seconds() if error.next_retry_delay else 1.0
            await asyncio.sleep(max(told / clock.speed, 1.0))
            continue
        except UNREACHABLE:
            await asyncio.sleep(1.0)
            continue
        if answer.status != "unknown" or answer.until is None or silent:
            return
        silent = True
        await asyncio.sleep(SILENCE.total_seconds() / clock.speed)
        past = datetime.now(UTC) - timedelta(seconds=1)
        async with desk.database.write() as connection:
            mine = update(sends).where(sends.c.send_key == key_of(message.request)).values(until=past)
            await connection.execute(mine)


async def _claims(database: Database) -> dict[str, Any]:
    """By send key: what became of it, and when it was judged last, in journey time (`at`) and in the machine's."""
    columns = (sends.c.send_key, sends.c.status, sends.c.at, sends.c.machine_at)
    async with database.read() as connection:
        return {row.send_key: row for row in await connection.execute(select(*columns))}


def _wrong(
    messages: list[Message],
    arrived: Mapping[str, datetime],
    handed_over: Mapping[str, float],
    claims: Mapping[str, Any],
    over: datetime,
) -> list[str]:
    """What was sent late, and what was not sent though the provider came back in time for it."""
    # When all that had waited was through: who expired before that had no claim to be among the first.
    through = max((arrived.get(key_of(each.request), over) for each in messages if each.wanted < over), default=over)
    late, lost, kept = 0, dict.fromkeys(KINDS, 0), 0
    for message in messages:
        key = key_of(message.request)
        expires = message.wanted + EXPIRY if message.kind == "expiring" else None
        if key in arrived:
            # Age is judged by the claim, and a call ends ten seconds after it; those are the machine's, whatever the hour.
            claim = claims[key]
            is_slow = handed_over[key] - claim.machine_at.timestamp() > CALL
            late += expires is not None and (claim.at > expires or is_slow)
        elif expires is not None and expires < through:
            kept += (key not in claims or claims[key].status != "withheld") and expires < over
        else:
            lost[message.kind] += 1
    found = [f"{late} expired messages were sent late"] if late else []
    found += [f"{kept} expired messages are not withheld"] if kept else []
    return found + [
        f"{count} {kind} messages were never sent, though the provider had taken nothing and came back in time"
        for kind, count in lost.items()
        if count
    ]
