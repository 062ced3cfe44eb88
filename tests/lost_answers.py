"""What lies between a client and a front door that hears it and is not heard: answers that are lost on their way."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from types import TracebackType
from typing import Self

from tests.servers import free_port


class LostAnswers:
    """Passes everything on to `target`; of the answers 200 the first `count` are cut off when they come."""

    def __init__(self, target: int, count: int) -> None:
        self.port = free_port()
        self.lost = 0
        """How many were cut off: what they answered was stored."""
        self._target = target
        self._count = count
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._between(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _between(self, reader: StreamReader, writer: StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(reader, back))
                both.create_task(self._answer(there, writer))
        except* OSError:
            pass
        finally:
            for end in (writer, back):
                end.transport.abort()

    async def _forward(self, reader: StreamReader, back: StreamWriter) -> None:
        while said := await reader.read(65536):
            back.write(said)
            await back.drain()

    async def _answer(self, there: StreamReader, writer: StreamWriter) -> None:
        while said := await there.read(65536):
            if self.lost < self._count and said.startswith(b"HTTP/1.1 200 "):
                self.lost += 1
                writer.transport.abort()
                raise ConnectionAbortedError
            writer.write(said)
            await writer.drain()
        writer.write_eof()
