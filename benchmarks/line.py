"""One keep-alive connection to a front door, as raw bytes: a client library would need more CPU than the door itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Line:
    """Posts one body after the other, each when the one before has been answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self._reader = reader
        self._writer = writer
        self._key = key

    async def post(self, path: str, body: Any) -> bytes:
        """The answer's body; AssertionError for any status but 200."""
        raw = json.dumps(body, separators=(",", ":")).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {self._key}\r\nContent-Length: {len(raw)}\r\n\r\n"
        self._writer.write(head.encode() + raw)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 "), answer[:60]
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self._reader.readexactly(int(length.partition(b":")[2]))


@asynccontextmanager
async def line(port: int, key: str) -> AsyncIterator[Line]:
    """Open to that port of this machine for as long as the block lasts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer, key)
    finally:
        writer.close()
        await writer.wait_closed()
