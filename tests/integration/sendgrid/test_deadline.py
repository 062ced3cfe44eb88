"""What SendGrid's client library does with addresses and answers is over within the call's deadline."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import closing
from typing import Any

import pytest

from activities.channels.bounded import Call, Unsent
from errors import InDoubt, NeverSent
from tests.doubles.sendgrid import SendGridDouble
from tests.mailing import envelope, failure, sendgrid_at
from tests.nowhere import nowhere


async def test_connection_refused() -> None:
    """Where nobody listens nothing was sent."""
    async with SendGridDouble() as gone:
        pass
    channel = sendgrid_at(gone.url)
    assert type(await failure(channel)) is NeverSent
    await channel.close()


def resolving_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """From now on every name has one address for each of these ports."""
    found: list[Any] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


async def test_many_addresses(double: SendGridDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses that do not answer share one deadline, and the one that would comes too late: nothing was sent."""
    channel = sendgrid_at("http://sendgrid.invalid", call_timeout=0.5)
    with nowhere() as port:
        resolving_to(monkeypatch, port, port, port, double.port)
        begun = time.monotonic()
        raised = await failure(channel)
    await channel.close()
    assert type(raised) is NeverSent
    assert time.monotonic() - begun < 1.4, "three addresses, each with the whole time, would have taken 1.5 s"
    assert double.calls == []


async def test_second_address(double: SendGridDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that refuses is followed by the next."""
    async with SendGridDouble() as gone:
        pass
    resolving_to(monkeypatch, gone.port, double.port)
    channel = sendgrid_at("http://sendgrid.invalid")
    assert await channel.send(envelope()) == double.calls[0].message_id
    await channel.close()


async def test_trickling_answer() -> None:
    """An answer that comes a byte at a time and never ends keeps neither the caller nor the thread."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Accepted\r\nX-More: ")
        with closing(writer):
            while not over.is_set() and not writer.is_closing():
                writer.write(b"x")
                await asyncio.wait({waiting}, timeout=0.02)

    over = asyncio.Event()
    waiting = asyncio.create_task(over.wait())
    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    channel = sendgrid_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", call_timeout=0.5)
    raised = await failure(channel)
    async with asyncio.timeout(5):
        await channel.close()
    over.set()
    server.close()
    await server.wait_closed()
    assert type(raised) is InDoubt


def test_called_off() -> None:
    """What was called off, or is late, does not begin; what has begun cannot be called off, and goes on."""
    off, late, begun = Call(time.monotonic() + 60), Call(time.monotonic()), Call(time.monotonic() + 60)
    assert off.call_off()
    for call in (off, late):
        with pytest.raises(Unsent):
            call.begin()
        assert not call.has_begun
    begun.begin()
    assert not begun.call_off()
    begun.begin()
