"""Who has a page open just now, and how each of them is told of a new in-app message: one look for all of them together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from profiles.inbox_tokens import InboxPass
from storage.arrivals import beyond, known_since
from storage.database import DATABASE, Database

from .inbox_json import sse
from .life import Life

LOOK = 0.5
"""Seconds between two looks into the database, whoever and however many are connected."""
AT_A_LOOK = 1000
"""Messages that one look brings, for all together."""
HOLDS = 256 * 1024
"""Bytes that a stream takes, or one message that is larger; while it has not sent them it is given no more."""
HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it is there: proxies close what says nothing."""
PER_PERSON = 20
"""Streams of one person: as many windows as anybody has open, and no more for one who means harm."""
RETRY = 3000
"""Milliseconds after which a browser connects anew."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/event-stream",
    "X-Accel-Buffering": "no",  # nginx would collect what is said
}
log = structlog.get_logger()


class Full(Exception):
    """There is no room for another stream, of anybody or of this person."""


class Streams:
    """The open streams of this process. No stream looks for itself, and none holds more than it can send."""

    def __init__(self, database: Database, *, most: int, heartbeat: float = HEARTBEAT) -> None:
        """`most` streams are open at the same time."""
        self._database = database
        self._most = most
        self._heartbeat = heartbeat
        self._open: dict[str, list[Stream]] = {}
        self._somebody = asyncio.Event()
        self._is_over = False
        self.life = Life("in-app streams")

    async def __aenter__(self) -> Streams:
        self.life.begin(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()
        await self.life.end()

    def __len__(self) -> int:
        return sum(len(streams) for streams in self._open.values())

    def end(self) -> None:
        """Let every stream end now, and none begin any more; browsers come back by themselves."""
        self._is_over = True
        for streams in self._open.values():
            for stream in streams:
                stream.end()

    def check(self, user_id: str) -> None:
        """Raise Full where this person cannot have another stream."""
        if self._is_over or len(self) >= self._most or len(self._open.get(user_id, ())) >= PER_PERSON:
            raise Full

    def open(self, one: InboxPass, place: int) -> Stream:
        """A response that tells the person of every message after that place, until the pass has expired."""
        self.check(one.user_id)
        stream = Stream(self, one, place, self._heartbeat)
        self._open.setdefault(one.user_id, []).append(stream)
        self._somebody.set()
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        user_id = stream.one.user_id
        self._open[user_id].remove(stream)
        if not self._open[user_id]:
            del self._open[user_id]

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            await self._somebody.wait()
            try:
                while await self._look():
                    pass
                if loop.time() - checked >= self._heartbeat:
                    checked = loop.time()
                    await self._end_of_the_erased()
            except DATABASE as error:
                log.warning("in-app messages cannot be read; trying again", error=type(error).__name__)
            if not self._open:
                self._somebody.clear()
            await asyncio.sleep(LOOK)

    async def _look(self) -> bool:
        """Give everybody who has sent what they had what has come since; whether there may be more."""
        # Those who come during the look have places of their own, and wait for the next one.
        hungry = [stream for streams in self._open.values() for stream in streams if stream.is_hungry]
        places: dict[str, int] = {}
        for stream in hungry:
            user_id = stream.one.user_id
            places[user_id] = min(stream.place, places.get(user_id, stream.place))
        if not places:
            return False
        async with self._database.read() as connection:
            found = await beyond(self._database, connection, places, datetime.now(UTC), AT_A_LOOK)
        waiting: dict[str, list[Stream]] = {user_id: [] for user_id in places}
        for stream in hungry:
            waiting[stream.one.user_id].append(stream)
        for user_id, place, message in found:
            if takers := [stream for stream in waiting[user_id] if stream.wants(place)]:
                said = sse(message)
                for stream in takers:
                    stream.take(place, said)
        return len(found) == AT_A_LOOK

    async def _end_of_the_erased(self) -> None:
        async with self._database.read() as connection:
            known = await known_since(connection, [*self._open])
        for user_id, streams in self._open.items():
            for stream in streams:
                if not stream.one.opens(known.get(user_id)):
                    stream.end()


class Stream(StreamingResponse):
    """Server-sent events (the WHATWG HTML standard, 9.2): one message each, under its id, and comments in between."""

    def __init__(self, streams: Streams, one: InboxPass, place: int, heartbeat: float) -> None:
        super().__init__(self._events(), headers=HEADERS)
        self.one = one
        self.place = place
        """The place of the last message that was taken."""
        self._streams = streams
        self._heartbeat = heartbeat
        self._left: deque[bytes] = deque()
        self._held = 0
        self._is_full = False
        self._news = asyncio.Event()
        self._over = asyncio.Event()

    @property
    def is_hungry(self) -> bool:
        """Whether all that was taken has been sent."""
        return not self._left

    def wants(self, place: int) -> bool:
        """Whether the message there is not known here, and there is room for it."""
        return place > self.place and not self._is_full

    def take(self, place: int, said: bytes) -> None:
        """Send this as well, unless there is enough to do: then nothing that comes after it either."""
        if not self.wants(place):
            return
        self._is_full = self._held > 0 and self._held + len(said) > HOLDS
        if not self._is_full:
            self.place = place
            self._left.append(said)
            self._held += len(said)
            self._news.set()

    def end(self) -> None:
        """Say nothing more."""
        self._over.set()
        self._news.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.close(self)

    async def _events(self) -> AsyncIterator[bytes]:
        yield b"retry: %d\n\n" % RETRY
        while not self._over.is_set():
            rest = (self.one.expires_at - datetime.now(UTC)).total_seconds()
            if rest <= 0:
                yield b"event: expired\ndata: {}\n\n"
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(rest, self._heartbeat)):
                    await self._news.wait()
            self._news.clear()
            if not self._left and not self._over.is_set() and rest > self._heartbeat:
                yield b":\n\n"
            while self._left and not self._over.is_set():
                yield self._left[0]
                self._left.popleft()
            self._held, self._is_full = 0, False
