"""How a double listens on the loopback: every connection is known, so that closing it leaves nothing behind."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Request:
    """One HTTP request; names of headers are in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> Self:
        """The next request of a connection."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length") or 0))
        method, path, _ = first.split(" ", 2)
        return cls(method, path, headers, body)


class Listening:
    """`async with` it to have it served at `port`; every connection is given to `connection`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        """Until it listens, 0 for any free one."""
        self.connections = 0
        self.closing = asyncio.Event()
        self._tls = tls
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one side has had enough; here, request by request."""
        while not self.closing.is_set() and await self.request(await Request.read(reader), writer):
            pass

    async def request(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer it; true where the connection stays open for another."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, self.host, self.port, ssl=self._tls, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Refuse connections from now on and cut those that are open."""
        self.closing.set()
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            self.cut(writer)
        await asyncio.gather(*self._open.values())
        await self._server.wait_closed()

    def cut(self, writer: asyncio.StreamWriter) -> None:
        """End a connection."""
        writer.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[writer] = task
        self.connections += 1
        try:
            await self.connection(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # the client went away, or does not trust us, which is its right
        finally:
            self.cut(writer)
            del self._open[writer]
