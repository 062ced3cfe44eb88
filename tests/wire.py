"""What lies between a client and its broker: a wire that can be cut, and that can hold back one kind of frame."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamWriter
from typing import Self


class Wire:
    """Listens on `port` and passes everything on to `target`, in whole frames on the way there."""

    def __init__(self, port: int, target: int, *, kafka: bool, tls: ssl.SSLContext | None = None) -> None:
        """`tls` is what clients have to speak; the broker itself does not."""
        self.port = port
        self._tls = tls
        self._target = target
        self._read = _kafka_request if kafka else _amqp_frame
        self._is_acknowledgement = _is_offset_commit if kafka else _is_ack
        self._server: asyncio.Server | None = None
        self._writers: set[StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.holds_acknowledgements = False
        """While this is so, none reaches the broker."""
        self.held = 0
        """How many acknowledgements were held back."""
        self.acknowledged = 0
        """How many were passed on."""
        self.cuts = 0
        """How many connections were cut."""

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Let clients connect (again)."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=self._tls)

    async def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cuts += len(self._writers)
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        ends = {writer}
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                there, back = await asyncio.open_connection("127.0.0.1", self._target)
                ends.add(back)
                self._writers.add(back)
                ways = [asyncio.create_task(self._there(reader, back)), asyncio.create_task(_back(there, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()
            self._tasks.discard(task)

    async def _there(self, reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            frame = await self._read(reader)
            if self._is_acknowledgement(frame):
                if self.holds_acknowledgements:
                    self.held += 1
                    continue
                self.acknowledged += 1
            writer.write(frame)
            await writer.drain()


async def _back(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _amqp_frame(reader: StreamReader) -> bytes:
    """The greeting, or a frame: type, channel, size, payload, end."""
    head = await reader.readexactly(7)
    if head.startswith(b"AMQP"):
        return head + await reader.readexactly(1)
    return head + await reader.readexactly(int.from_bytes(head[3:]) + 1)


def _is_ack(frame: bytes) -> bool:
    """Basic.Ack: a method frame of class 60, method 80."""
    return frame[0] == 1 and frame[7:11] == b"\x00\x3c\x00\x50"


async def _kafka_request(reader: StreamReader) -> bytes:
    """A request: size, then the number of what is asked for, and the rest."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size))


def _is_offset_commit(frame: bytes) -> bool:
    """OffsetCommit is request 8."""
    return frame[4:6] == b"\x00\x08"
