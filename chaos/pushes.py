"""T2 by push: Firebase accepts and hangs up, and nobody may see the same message twice on any of their devices."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from storage.database import Database
from storage.tables import sends
from tests.doubles.firebase import FirebaseDouble

from . import desk
from .desk import PUSH, key_of, wanted
from .evidence import Evidence
from .faults import PUSH_MIX, counted, in_doubt, least, lost_after_acceptance
from .offering import offer
from .play import Play
from .result import Part
from .shop import Shop

FULL = 5_000
EACH = 5
"""Messages for each person."""
AT_ONCE = 48
TWICE = 0.1
"""What of all messages loses its answer after it was accepted, by the mix, and so is accepted again."""


@dataclass(frozen=True)
class Pushed:
    """The checked load, and how often something came twice."""

    part: Part
    accepted_twice: int
    visible_twice: int


async def push(play: Play, town: Shop, share: float) -> Pushed:
    """Send for that share of the time, with the faults of email; the client is firebase-admin."""
    requests = [wanted(number, PUSH, f"phone-{number // EACH}") for number in range(play.count(FULL, 30))]
    keys = {key_of(request): request for request in requests}
    async with FirebaseDouble() as double:
        double.mix(PUSH_MIX, seed=play.seed)
        with _environment(double.environment(play.home)):
            async with desk.pushing(town.database.url, play.home, double.key_file(play.home), town.secret) as counter:
                await counter.people(dict.fromkeys(request.walk.user for request in requests), _phones)
                reached = await offer(
                    requests,
                    counter.once,
                    at_once=AT_ONCE,
                    over=play.lasting(share),
                    done=lambda count: play.show("pushed", count, len(requests)),
                )
                await silence_is_over(counter.database)
                doubted = [keys[key] for key, answer in counter.answers.items() if answer.until is not None]
                once_more = play.chances("pushes").sample(requests[:reached], reached // 10)
                await offer([*doubted, *once_more], counter.once, at_once=AT_ONCE)
        seen = {key: _seen(double, keys[key].walk.user, key) for key in double.accepted if key in keys}
    twice = sum(count > 1 for count in double.accepted.values())
    visible_twice = [key for key, copies in seen.items() if copies > 1]
    problems = (
        [f"{len(visible_twice)} pushes are visible twice: {', '.join(visible_twice[:10])}"] if visible_twice else []
    )
    if gone := [key for key, copies in seen.items() if not copies]:
        problems.append(f"{len(gone)} accepted pushes are not visible: {', '.join(gone[:10])}")
    if double.rejected:
        problems.append(f"Firebase could not read {len(double.rejected)} calls: {sorted(set(double.rejected))[:5]}")
    evidence = Evidence(
        wanted=frozenset(key_of(request) for request in requests[:reached]),
        accepted=double.accepted.copy(),
        ledger={key: status for key, status in (await town.ledger()).items() if key in keys},
        may_repeat=lost_after_acceptance(double.calls),
        in_doubt=in_doubt(double.calls),
        faults=counted(double.calls, PUSH_MIX) | {"accepted_twice": twice},
        least=least(reached, PUSH_MIX) | {"accepted_twice": int(reached * TWICE / 2)},
        problems=tuple(problems),
    )
    part = Part.of("push", evidence, asked=len(requests), reached=reached, unit="messages")
    return Pushed(part, twice, len(visible_twice))


async def silence_is_over(database: Database) -> None:
    """The provider has said nothing for the whole window about all that is in doubt."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with database.write() as connection:
        await connection.execute(update(sends).where(sends.c.status == "unknown").values(until=past))


def _phones(user: str) -> list[dict[str, str]]:
    """Every third person has two."""
    names = ("old", "new") if int(user.rpartition("-")[2]) % 3 == 0 else ("new",)
    return [{"kind": "token", "value": f"{user}-{name}:APA91b-{user}-{name}"} for name in names]


def _seen(double: FirebaseDouble, user: str, key: str) -> int:
    """How many copies the person sees on all devices together."""
    return sum(double.visible(phone["value"], key) for phone in _phones(user))


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """These variables for as long as the block lasts: firebase-admin takes its way and its trust from there alone."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
