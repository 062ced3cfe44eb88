"""TLS in front of a program that speaks none itself, with a certificate of an authority of the test's own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trustme

HOST = "127.0.0.1"


@asynccontextmanager
async def behind_tls(authority: trustme.CA, port: int, plain: int) -> AsyncIterator[None]:
    """Let `port` speak TLS, and whoever comes there reach the port `plain`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(context)
    ways: set[asyncio.StreamWriter] = set()

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        target.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, plain)
        ways.update((writer, inner_writer))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(lead, HOST, port, ssl=context)
    try:
        yield
    finally:
        server.close()
        for way in ways:
            way.transport.abort()
        await server.wait_closed()
