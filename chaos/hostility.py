"""T18: whoever means harm sends all that no client should, while those who are honest go on and count."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import select

from ingestion.keys import EVERYTHING, digest_of, new_key
from profiles.inbox_tokens import InboxPass, InboxTokens
from settings import ROOT
from storage.keys import GivenKey, add_key
from storage.tables import events
from tests.canaries import ADDRESSES
from tests.doubles.sendgrid import SendGridDouble

from . import databases, shop
from .bare import Lines
from .evidence import Evidence
from .holders import Holders
from .honest import Account
from .intruders import Intruder, Secrets
from .offering import offer
from .play import Play
from .result import Part, Result
from .shop import KEY, Shop
from .verdict import Judge
from .watch import Holding, more, said

TITLE = "Requests that mean harm"
FULL = 100_000
AT_ONCE = 16
PACE = 20.0
"""Requests of honest clients in a second."""
ALONE = 15.0
"""Seconds, at full size, in which they are alone, so that there is something to compare with."""
WARM = 0.2
"""The share of the requests after which memory and files are looked at for the first time."""
MEMORY, FILES = 32 * 1024 * 1024, 12
"""How much more of each may be there at the end: at full size 400 bytes of a request, and no more than the database's pool."""
SEGMENT_SECRET = "what Segment signs with"
NOTES = [
    "Those who mean harm know a write key, one person's token and the secret of Segment's webhooks, and use them in half of what "
    "they send. An event of theirs that no key and no signature lets in may not be found in the database.",
]


async def run(play: Play) -> Result:
    """Let them all loose on one front door, and look at what it has answered, kept, held and said."""
    result = Result(scenario="T18", title=TITLE, database=play.database, seed=play.seed, size=play.size, notes=[*NOTES])
    async with (
        databases.empty(play) as place,
        SendGridDouble(keep_bodies=False) as double,
        shop.opened(play.home, place.url, double, workers=0, JOURNEYMAN_SEGMENT_SECRET=SEGMENT_SECRET) as town,
    ):
        siege = Siege(play, town, await _secrets(town))
        result.parts.append(await siege.part())
        result.notes += siege.notes
    return result


async def _secrets(town: Shop) -> Secrets:
    """Give out keys of every scope, one that is taken back again, and a token."""
    now, others = datetime.now(UTC), dict[str, str]()
    async with town.database.write() as connection:
        for name in (*sorted(EVERYTHING), "revoked"):
            others[name] = new_key()
            is_revoked = name == "revoked"
            scopes = EVERYTHING if is_revoked else frozenset([name])
            given = GivenKey(f"k-{name}", digest_of(others[name]), name, scopes, now, now if is_revoked else None)
            await add_key(connection, given)
    token = InboxTokens(town.secret).token(InboxPass("h-1", now + timedelta(hours=12), None))
    return Secrets(KEY, others, token, SEGMENT_SECRET, town.double.signer)


class Siege:
    """One front door, those who mean harm, and those who do not."""

    def __init__(self, play: Play, town: Shop, secrets: Secrets) -> None:
        self._play = play
        self._town = town
        self._canary = f"canary{play.seed}"
        self._judge = Judge(self._canary.encode())
        host, port = town.url.removeprefix("http://").split(":")
        self._lines = Lines(host, int(port))
        self._intruder = Intruder(f"{host}:{port}", secrets, self._canary, play.chances("intruder"))
        self._holders = Holders(self._lines, self._intruder, self._judge, play.chances("holders"))
        self._counts: Counter[str] = Counter()
        self._asked = self._kinds(play.count(FULL, 300), play.chances("kinds"))
        self.notes: list[str] = []

    def _kinds(self, count: int, chances: random.Random) -> list[str]:
        """What is to be sent, in order; each kind at least once before the first look."""
        shares = {kind: share for kind, (share, _) in {**self._intruder.kinds, **self._holders.kinds}.items()}
        return [*shares, *chances.choices([*shares], [*shares.values()], k=count - len(shares))]

    async def part(self) -> Part:
        """Attack, and check."""
        try:
            async with self._honest() as account:
                await asyncio.sleep(max(ALONE * self._play.size, 2.0))
                began, pid, warm = time.monotonic(), self._town.door.pid, int(len(self._asked) * WARM)
                reached = await self._attack(self._asked[:warm])
                before = self._holding()
                reached += await self._attack(self._asked[warm:])
                ended, after = time.monotonic(), self._holding()
                state = await self._health()
        finally:
            self._holders.close()
            self._lines.close()
        found = await self._stored()
        problems = [*self._judge.problems, *more(before, after, memory=MEMORY, files=FILES)]
        if self._town.door.pid != pid:
            problems.append("the front door has ended, and was started again")
        problems += said(self._play.home / "door.log", (self._canary.encode(), ADDRESSES))
        problems += [f"honest clients heard {count} times {what}" for what, count in Counter(account.refused).items()]
        if intruded := [event for event in found if event.startswith("intruder-")]:
            problems.append(f"{len(intruded)} events are stored that no key let in")
        if state.get("set_aside"):
            problems.append(f"{state['set_aside']} events could not be routed")
        self._note(account, began, ended, before, after, state)
        evidence = Evidence(
            wanted=frozenset(),
            accepted={},
            acknowledged=frozenset(account.taken),
            seen=Counter(found),
            faults=self._counts,
            least=dict.fromkeys([*self._intruder.kinds, *self._holders.kinds], 1),
            problems=tuple(problems),
        )
        return Part.of("whole", evidence, asked=len(self._asked), reached=reached, unit="requests")

    async def _attack(self, kinds: list[str]) -> int:
        """Send these, and wait until nobody holds a connection any more."""
        before = self._counts.total()

        def show(count: int) -> None:
            self._play.show("requests", before + count, len(self._asked))

        reached = await offer(kinds, self._send, at_once=AT_ONCE, over=self._play.until(0.9), done=show)
        await self._holders.done()
        self._lines.close()
        await asyncio.sleep(1)  # what was closed here has to be closed there
        return reached

    async def _send(self, kind: str) -> None:
        if kind in self._holders.kinds:
            await self._holders.kinds[kind][1]()
        else:
            attack = self._intruder.kinds[kind][1]()
            answer = await self._lines.ask(attack.raw, head=attack.head, alone=attack.alone)
            self._judge.hear(kind, attack, answer)
        self._counts[kind] += 1

    @asynccontextmanager
    async def _honest(self) -> AsyncIterator[Account]:
        """Those who do nothing wrong, from now on; what became of it all is told when the block is left."""
        words = ("-m", "chaos.honest", self._town.url, KEY, str(PACE), self._canary)
        pipe, account = asyncio.subprocess.PIPE, Account()
        process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, stdin=pipe, stdout=pipe)
        try:
            yield account
            told, _ = await asyncio.wait_for(process.communicate(b""), 60)
            for name, value in json.loads(told).items():
                setattr(account, name, value)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _holding(self) -> Holding:
        return Holding.of(self._town.door.pid)

    async def _health(self) -> dict[str, int]:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            return dict((await http.get(f"{self._town.url}/health")).json())

    async def _stored(self) -> list[str]:
        async with self._town.database.read() as connection:
            return [row.event_id for row in await connection.execute(select(events.c.event_id))]

    def _note(
        self, account: Account, began: float, ended: float, before: Holding, after: Holding, state: dict[str, int]
    ) -> None:
        """Figures worth knowing."""
        alone = [took for due, took in account.answers if due < began]
        beside = [took for due, took in account.answers if began <= due < ended]
        rate = self._counts.total() / (ended - began)
        self.notes += [
            f"Honest clients sent {len(account.answers):,} requests, {len(account.taken):,} events. Alone {_times(alone)}, beside "
            f"{rate:.0f} hostile requests a second {_times(beside)}.",
            f"The front door held {before} after the first {WARM:.0%} of the requests, {after} at the end. "
            f"{state.get('unrouted', 0):,} events waited for Temporal.",
            f"Answers: {', '.join(f'{status} {count:,}' for status, count in sorted(self._judge.statuses.items()))}; "
            f"{self._judge.busy:,} were told to come back later.",
        ]


def _times(milliseconds: list[float]) -> str:
    if len(milliseconds) < 2:
        return "too few to tell"
    cuts = statistics.quantiles(milliseconds, n=100)
    return f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms"
