"""T15: a hundred thousand messages due in the same second, after a minute without workers, within the provider's rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activities.channels.sendgrid import SendGrid
from activities.guard import Moments
from activities.policy import Policy
from activities.send import Sender
from profiles.addresses import Addresses
from profiles.unsubscribe_links import UnsubscribeLinks
from storage.database import Database
from storage.ledger import Status
from storage.migrate import migrate
from storage.tables import sends
from tests.doubles.sendgrid import Call
from tests.sending import journeys, templates

from . import databases
from .desk import THREADS, Desk, key_of
from .evidence import Evidence
from .herd_timers import OUTAGE, through_temporal
from .hour import Message
from .offering import offer
from .play import Play
from .result import Part, Result
from .strict import WINDOW, StrictDouble, too_soon

TITLE = "All timers in one second, and no workers for a minute"
FULL = 100_000
RATE = 100
"""Messages a second that the provider takes at full size; the smaller the run, the lower, so that something has to wait."""
AT_ONCE = 48
KINDS: Mapping[str, dict[str, Any]] = {"gone": {"expires": "1m"}, "going": {"expires": "5m"}, "lasting": {}}
"""By their front matter: worth nothing when the workers are back, worth nothing before the last has gone, and for ever."""
EXPIRES = {"gone": timedelta(minutes=1), "going": timedelta(minutes=5)}
LATEST = timedelta(seconds=21)
"""From the beginning of an attempt to the provider: ten for the claim, one of standing still, ten of a call."""


async def run(play: Play) -> Result:
    """First without workflows, as many as the time allows; then shipped journeys whose quiet is over at one instant."""
    notes = [
        "Without workflows the minute is not waited for: whatever is asked for was due a minute before the first is asked for. "
        "The shipped Sender is asked as Temporal would ask it, and nothing else is compressed.",
        "There the rate is the provider's alone: it answers 429 to what is over it, and says when its next window begins.",
    ]
    result = Result(scenario="T15", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=notes)
    for part in (_direct, through_temporal):
        checked, note = await part(play)
        result.parts.append(checked)
        result.notes.append(note)
    return result


def kind_of(number: int) -> str:
    """A tenth expires before the workers are back, a tenth while the others go."""
    return {0: "gone", 1: "going"}.get(number % 10, "lasting")


async def _direct(play: Play) -> tuple[Part, str]:
    asked, rate = play.count(FULL, 200), max(round(RATE * play.size), 10)
    play = replace(play, home=play.home / "direct")
    play.home.mkdir()
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(databases.empty(play))
        double = await stack.enter_async_context(StrictDouble(rate))
        sender = ("shop@example.com", "")
        provider = SendGrid(double.api_key, sender=sender, reply_to=None, host=double.url, threads=THREADS)
        stack.push_async_callback(provider.close)
        database = Database(place.url)
        stack.push_async_callback(database.close)
        await migrate(database)
        desks = {kind: _desk(database, play.home / kind, provider, front) for kind, front in KINDS.items()}
        await desks["lasting"].people(f"u-{number}" for number in range(asked))
        back = datetime.now(UTC)
        due = back - OUTAGE
        last_asked: dict[str, datetime] = {}

        async def once(message: Message) -> None:
            request, now = message.request, datetime.now(UTC)
            last_asked[key_of(request)] = now
            await desks[message.kind].at(request, Moments(now, now))

        messages = [Message(number, kind_of(number), due) for number in range(asked)]
        reached = await offer(
            messages,
            once,
            at_once=AT_ONCE,
            over=play.lasting(0.5),
            done=lambda count: play.show(f"of one second, {rate}/s without workflows", count, asked),
        )
        async with database.read() as connection:
            ledger = {row.send_key: row.status for row in await connection.execute(sends.select())}
    keys = {key_of(message.request): message.kind for message in messages[:reached]}
    over = [call for call in double.calls if call.behaviour.reset_in is not None]
    withheld = Counter(keys.get(key, "") for key, status in ledger.items() if status == "withheld")
    evidence = Evidence(
        wanted=frozenset(keys),
        accepted=double.accepted.copy(),
        ledger=ledger,
        in_doubt=frozenset(),
        faults={"due_in_one_second": reached, "expired": withheld.total(), "over_the_rate": len(over)},
        least={"expired": reached // 20},
        problems=tuple(_wrong(keys, due, last_asked, double.calls, ledger)),
    )
    note = _note(double, rate, back, withheld, len(over))
    part = Part.of("without workflows", evidence, asked=asked, reached=reached, unit="messages")
    return part, note


def _desk(database: Database, home: Path, provider: SendGrid, front: Mapping[str, str]) -> Desk:
    """The shipped Sender, with this front matter in its message."""
    links, addresses = UnsubscribeLinks("secret", "http://127.0.0.1"), Addresses("secret")
    home.mkdir()
    told = templates(home, **front)
    return Desk(database, Sender(database, journeys(), told, Policy(), {"email": provider}, links, addresses))


def _wrong(
    keys: Mapping[str, str],
    due: datetime,
    last_asked: Mapping[str, datetime],
    calls: list[Call],
    ledger: Mapping[str, Status],
) -> list[str]:
    """What went before its time, stale, or too soon after a 429; and what did not go though it could."""
    accepted = {call.send_key: datetime.fromtimestamp(call.at, UTC) for call in calls if call.behaviour.accepts}
    ends = {key: due + EXPIRES[kind] for key, kind in keys.items() if kind in EXPIRES}
    found = {
        "messages went before they were due": [key for key, at in accepted.items() if at < due],
        "expired messages were sent late": [
            key
            for key, end in ends.items()
            if key in accepted and (last_asked[key] > end or accepted[key] > end + LATEST)
        ],
        "messages were withheld and had not expired": [
            key
            for key, status in ledger.items()
            if status == "withheld" and (key not in ends or last_asked[key] <= ends[key])
        ],
        "messages were refused for good, where the provider was only over its rate": [
            key for key, status in ledger.items() if status == "refused"
        ],
        "messages came again before the provider had said": too_soon(calls),
    }
    return [f"{len(which)} {what}: {', '.join(sorted(which)[:10])}" for what, which in found.items() if which]


def _note(double: StrictDouble, rate: int, back: datetime, withheld: Counter[str], over: int) -> str:
    """How fast it went, by the double's clock."""
    arrivals = [call.at for call in double.calls if call.behaviour.accepts]
    took = max(max(arrivals, default=0.0) - back.timestamp(), 0.1)
    fullest = max(double.windows.values(), default=0)
    limit = "The provider's rate was the limit" if over else "The machine was the limit: nothing came over the rate"
    return (
        f"Without workflows: {len(arrivals):,} messages drained in {took:.0f} s, {len(arrivals) / took:.1f}/s of the {rate}/s that the "
        f"provider takes; it took at most {fullest:,} within {WINDOW} s of its clock. {limit}; {over:,} calls were told to come later. "
        f"{withheld['gone']:,} messages had expired when the workers were back, {withheld['going']:,} more while the others went."
    )
