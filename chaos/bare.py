"""How a client speaks that keeps to no rule: bytes as they are written, and whatever is answered to them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LONGEST_ANSWER: Final = 64 * 1024 * 1024
BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, EOFError)
"""What a connection ends with that the other side has closed, at any point."""


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def stays(self) -> bool:
        """Whether another request may be sent on the same connection."""
        return self.headers.get("connection", "").lower() != "close" and "content-length" in self.headers


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.was_used = False

    @classmethod
    async def to(cls, host: str, port: int) -> Line:
        return cls(*await asyncio.open_connection(host, port, limit=LONGEST_ANSWER))

    async def ask(self, raw: bytes, *, head: bool = False) -> Answer:
        """Send this and read the answer; raises one of BROKEN where there is none. `head`: the answer has no body."""
        self.writer.write(raw)  # and not waited for: an answer may come before all is sent
        return await self.answer(head=head)

    async def answer(self, *, head: bool = False) -> Answer:
        """The next answer that is more than a 100."""
        status, headers = await self.heading()
        return await self.rest(status, headers, head=head)

    async def rest(self, status: int, headers: Mapping[str, str], *, head: bool = False) -> Answer:
        """The answer whose heading was read already."""
        if head or status in (204, 304):
            return Answer(status, headers)
        if "chunked" in headers.get("transfer-encoding", ""):
            return Answer(status, headers, await self._chunks())
        if "content-length" in headers:
            return Answer(status, headers, await self.reader.readexactly(int(headers["content-length"])))
        return Answer(status, headers, await self.reader.read())

    async def heading(self) -> tuple[int, dict[str, str]]:
        """Status and headers alone: of what follows there may be no end."""
        while True:
            status, headers = _parsed(await self.reader.readuntil(b"\r\n\r\n"))
            self.was_used = True
            if status >= 200:
                return status, headers

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readuntil(b"\r\n")
        return b"".join(parts)

    def drop(self) -> None:
        """Close it at once, whatever is on its way."""
        self.writer.transport.abort()


class Lines:
    """Connections that are used again where they can be, as clients do."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._free: list[Line] = []

    async def fresh(self) -> Line:
        """A new one, which whoever asks for it has to drop."""
        return await Line.to(*self._place)

    async def ask(self, raw: bytes, *, head: bool = False, alone: bool = False) -> Answer | None:
        """The answer, or None where the connection was closed without one; `alone`: on a connection of its own."""
        while True:
            line = self._free.pop() if self._free and not alone else await self.fresh()
            was_used = line.was_used
            try:
                answer = await line.ask(raw, head=head)
            except BROKEN:
                line.drop()
                if was_used:
                    continue  # it had rested for too long
                return None
            if answer.stays and not alone:
                self._free.append(line)
            else:
                line.drop()
            return answer

    def close(self) -> None:
        for line in self._free:
            line.drop()
        self._free.clear()


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest if line)
    return int(first.split(" ", 2)[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}
