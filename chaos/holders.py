"""Those who hold a connection: slowly, silently, until it is theirs no more, or only to drop it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from .bare import BROKEN, Line, Lines
from .intruders import STREAM, Intruder
from .verdict import Attack, Judge

AT_ONCE: Final = 100
"""How many are slow or silent at the same time."""
LONGEST: Final = 75.0
"""Seconds after which one who has said nothing more must have been cut off by the door itself."""
DRIP: Final = 0.5
"""Seconds between two bytes of a body."""


class Holders:
    """They go on in the background; `done` waits for them."""

    def __init__(self, lines: Lines, intruder: Intruder, judge: Judge, chances: random.Random) -> None:
        self.kinds: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "dropped": (2, self._dropped),
            "stream": (1, self._stream),
            "slow_body": (0.2, self._slow_body),
            "silent": (0.3, self._silent),
        }
        """Each with its share of a hundred."""
        self._lines = lines
        self._intruder = intruder
        self._judge = judge
        self._chances = chances
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def done(self) -> None:
        """Wait until nobody holds anything."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _dropped(self) -> None:
        """A request that nobody waits for the answer of, whole or not."""
        raw = self._intruder.kinds["mutated"][1]().raw
        line = await self._lines.fresh()
        try:
            line.writer.write(raw[: self._chances.choice([None, len(raw) // 2, len(raw) - 1, 30])])
            if self._chances.random() < 0.5:
                with suppress(OSError):
                    await line.writer.drain()
                line.writer.close()  # in good order; else at once
        finally:
            line.drop()

    async def _stream(self) -> None:
        """A page that is opened and left, before or after it was told something."""
        dice, secrets = self._chances, self._intruder.secrets
        token = dice.choice([secrets.token] * 9 + [secrets.token[:-1]])
        raw = self._intruder.raw("GET", f"{STREAM}?token={token}")
        line = await self._lines.fresh()
        try:
            line.writer.write(raw)
            if dice.random() < 0.3:
                return
            status, headers = await line.heading()
            if status == 200:
                if dice.random() < 0.7:
                    await line.reader.readuntil(b"retry: ")
                self._judge.statuses["200"] += 1
                return
            self._judge.hear("stream", Attack(raw, STREAM, frozenset({401})), await line.rest(status, headers))
        except BROKEN as error:
            self._judge.blame(f"stream: closed without an answer ({type(error).__name__})")
        finally:
            line.drop()

    async def _slow_body(self) -> None:
        self._hold(self._dripping())

    async def _silent(self) -> None:
        self._hold(self._saying_nothing())

    def _hold(self, act: Awaitable[None]) -> None:
        async def held() -> None:
            async with self._room:
                await act

        task = asyncio.create_task(held())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dripping(self) -> None:
        """A body that comes byte by byte: 408, long before its end."""
        body = json.dumps(self._intruder.bodies.track(properties={"x": "x" * 30_000})).encode()
        path = self._chances.choice(["/v1/track", "/v1/batch", "/v1/inbox/u/read", "/v1/events"])
        raw = self._intruder.raw("POST", path, body, key=self._intruder.secrets.write)
        place = len(raw) - len(body) + self._chances.randrange(10_000)
        line = await self._lines.fresh()
        try:
            line.writer.write(raw[:place])
            answering = asyncio.ensure_future(line.answer())
            began = time.monotonic()
            while not answering.done() and time.monotonic() - began < LONGEST:
                await asyncio.wait([answering], timeout=DRIP)
                if not answering.done():
                    line.writer.write(raw[place : place + 1])
                    place += 1
            if not answering.done():
                answering.cancel()
                self._judge.blame(f"slow_body: nobody minded for {LONGEST:.0f} s")
                return
            self._judge.hear("slow_body", Attack(raw[:200], path, frozenset({408})), await answering)
        except BROKEN as error:
            self._judge.blame(f"slow_body: closed without an answer ({type(error).__name__})")
        finally:
            line.drop()

    async def _saying_nothing(self) -> None:
        """A connection on which no request comes to the end of its head: the door closes it."""
        start = self._chances.choice(
            [b"", b"POST /v1/tr", b"POST /v1/track HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nA: b\r\n"]
        )
        line = await self._lines.fresh()
        try:
            line.writer.write(start)
            await self._until_closed(line)
        except TimeoutError:
            self._judge.blame(f"silent: still open after {LONGEST:.0f} s")
        finally:
            line.drop()

    async def _until_closed(self, line: Line) -> None:
        async with asyncio.timeout(LONGEST):
            with suppress(*BROKEN):
                await line.reader.read()
        self._judge.statuses["closed"] += 1
