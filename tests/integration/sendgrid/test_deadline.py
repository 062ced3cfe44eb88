"""A call to SendGrid is over in time, and what has not left by then never leaves."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NoReturn

import pytest

from activities.channels.bounded import Call, Unsent
from activities.channels.sendgrid import SendGrid
from errors import InDoubt, NeverSent
from tests.doubles.sendgrid import HANG, Behaviour, SendGridDouble, delay
from tests.mailing import envelope, failure, sendgrid_at


@pytest.mark.parametrize(("behaviour", "accepted"), [(HANG, 0), (delay(30), 1)], ids=["hang", "delay"])
async def test_no_answer(double: SendGridDouble, behaviour: Behaviour, accepted: int) -> None:
    """A call without an answer in time is in doubt, and is not waited for any longer."""
    channel = sendgrid_at(double.url, call_timeout=0.3)
    double.script(behaviour)
    begun = time.monotonic()
    raised = await failure(channel)
    assert time.monotonic() - begun < 5
    assert type(raised) is InDoubt
    assert double.accepted.total() == accepted
    await channel.close()


async def test_late_answer(channel: SendGrid, double: SendGridDouble) -> None:
    """An answer that is slow but in time is an answer."""
    double.script(delay(0.05))
    assert await channel.send(envelope()) == double.calls[0].message_id


async def test_every_thread_busy(double: SendGridDouble) -> None:
    """A message that found every thread busy was never sent: it is not in doubt, and it does not leave later."""
    channel = sendgrid_at(double.url, threads=1, call_timeout=0.5)
    double.script(HANG)
    raised = await asyncio.gather(failure(channel, envelope("first")), failure(channel, envelope("second")))
    await channel.close()
    assert [type(error) for error in raised] == [InDoubt, NeverSent]
    assert [call.send_key for call in double.calls] == ["first"]


async def test_cancelled_while_waiting(double: SendGridDouble) -> None:
    """A send that is cancelled before it has a thread does not leave later."""
    channel = sendgrid_at(double.url, threads=1)
    double.script(delay(0.5))
    first = asyncio.create_task(channel.send(envelope("first")))
    await double.arrived(1)
    second = asyncio.create_task(channel.send(envelope("second")))
    await asyncio.sleep(0)  # one turn of the loop: it waits for the thread now
    second.cancel()
    await first
    await channel.send(envelope("third"))
    await channel.close()
    assert second.cancelled()
    assert [call.send_key for call in double.calls] == ["first", "third"]


async def test_closed(double: SendGridDouble) -> None:
    """Closing lets the running call end and drops what waits, as never sent; afterwards nothing is taken."""
    channel = sendgrid_at(double.url, threads=1)
    double.script(delay(0.5))
    running = asyncio.create_task(channel.send(envelope("running")))
    await double.arrived(1)
    waiting = asyncio.create_task(failure(channel, envelope("waiting")))
    await asyncio.sleep(0)  # one turn of the loop: it waits for the thread now
    await channel.close()
    assert await running == double.calls[0].message_id
    assert type(await waiting) is NeverSent
    assert type(await failure(channel)) is NeverSent
    assert [call.send_key for call in double.calls] == ["running"]


async def test_no_thread(channel: SendGrid, double: SendGridDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that was queued, but found no thread, is in doubt: the next thread may still take it."""

    def exhausted(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as starved:
        starved.setattr(threading.Thread, "start", exhausted)
        assert type(await failure(channel, envelope("queued"))) is InDoubt
    await channel.send(envelope("next"))
    await double.arrived(2)
    assert double.accepted == {"queued": 1, "next": 1}


async def test_connection_refused() -> None:
    """Where nobody listens nothing was sent."""
    async with SendGridDouble() as gone:
        pass
    channel = sendgrid_at(gone.url)
    assert type(await failure(channel)) is NeverSent
    await channel.close()


async def test_name_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name is not found nothing was sent."""

    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    channel = sendgrid_at("http://sendgrid.invalid")
    assert type(await failure(channel)) is NeverSent
    await channel.close()


class Nowhere:
    """A port whose queue is full: a connection to it is neither made nor refused."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self._listener.getsockname()[1]
        self._waiting = [socket.socket() for _ in range(3)]
        for each in self._waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", self.port))

    def close(self) -> None:
        for each in (*self._waiting, self._listener):
            each.close()


@pytest.fixture
def nowhere() -> Iterator[Nowhere]:
    with closing(Nowhere()) as nowhere:
        yield nowhere


def resolving_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """From now on every name has one address for each of these ports."""
    found: list[Any] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


async def test_many_addresses(double: SendGridDouble, nowhere: Nowhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses that do not answer share one deadline, and the one that would comes too late: nothing was sent."""
    resolving_to(monkeypatch, nowhere.port, nowhere.port, nowhere.port, double.port)
    channel = sendgrid_at("http://sendgrid.invalid", call_timeout=0.5)
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


async def test_slow_name(double: SendGridDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name takes longer than the call may, the answer is in time, and nothing leaves afterwards."""
    found, looked_up = threading.Event(), socket.getaddrinfo

    def slow(*arguments: Any, **options: Any) -> Any:
        assert found.wait(10)
        return looked_up("127.0.0.1", double.port, *arguments[2:], **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    channel = sendgrid_at("http://sendgrid.invalid", call_timeout=0.3)
    begun = time.monotonic()
    raised = await failure(channel)
    assert time.monotonic() - begun < 5
    found.set()
    await channel.close()
    assert type(raised) is NeverSent
    assert double.calls == []


async def test_cancelled_before_the_first_byte(double: SendGridDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A send that is cancelled while it looks for the address does not leave later."""
    asked, found, looked_up = threading.Event(), threading.Event(), socket.getaddrinfo

    def slow(*arguments: Any, **options: Any) -> Any:
        asked.set()
        assert found.wait(10)
        return looked_up("127.0.0.1", double.port, *arguments[2:], **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    channel = sendgrid_at("http://sendgrid.invalid")
    sending = asyncio.create_task(channel.send(envelope()))
    assert await asyncio.to_thread(asked.wait, 10)
    sending.cancel()
    await asyncio.wait({sending})
    found.set()
    await channel.close()
    assert sending.cancelled()
    assert double.calls == []


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
