"""A call to Firebase is over in time, and what has not left by then never leaves."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest

from activities.channels.firebase import Firebase
from errors import InDoubt, NeverSent
from tests.doubles.firebase import FirebaseDouble
from tests.doubles.firebase_behaviour import HANG, Behaviour, delay
from tests.doubles.google import Reply, Request
from tests.pushing import envelope, failure


@pytest.mark.parametrize(("behaviour", "accepted"), [(HANG, 0), (delay(30), 1)], ids=["hang", "delay"])
async def test_no_answer(double: FirebaseDouble, key_file: Path, behaviour: Behaviour, accepted: int) -> None:
    """A call without an answer in time is in doubt, and is not waited for any longer."""
    channel = Firebase(key_file, call_timeout=1)
    double.script(behaviour)
    begun = time.monotonic()
    raised = await failure(channel)
    assert time.monotonic() - begun < 5
    assert type(raised) is InDoubt
    assert double.accepted.total() == accepted
    await channel.close()


async def test_late_answer(channel: Firebase, double: FirebaseDouble) -> None:
    """An answer that is slow but in time is an answer."""
    double.script(delay(0.05))
    assert await channel.send(envelope()) == double.calls[0].name


async def test_every_thread_busy(double: FirebaseDouble, key_file: Path) -> None:
    """A message that found every thread busy was never sent: it is not in doubt, and it does not leave later."""
    channel = Firebase(key_file, threads=1, call_timeout=1)
    double.script(HANG)
    raised = await asyncio.gather(failure(channel, envelope("first")), failure(channel, envelope("second")))
    await channel.close()
    assert [type(error) for error in raised] == [InDoubt, NeverSent]
    assert [call.send_key for call in double.calls] == ["first"]


async def test_cancelled_while_waiting(double: FirebaseDouble, key_file: Path) -> None:
    """A send that is cancelled before it has a thread does not leave later."""
    channel = Firebase(key_file, threads=1)
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


async def test_closed(double: FirebaseDouble, key_file: Path) -> None:
    """Closing lets the running call end and drops what waits, as never sent; afterwards nothing is taken."""
    channel = Firebase(key_file, threads=1)
    double.script(delay(0.5))
    running = asyncio.create_task(channel.send(envelope("running")))
    await double.arrived(1)
    waiting = asyncio.create_task(failure(channel, envelope("waiting")))
    await asyncio.sleep(0)  # one turn of the loop: it waits for the thread now
    await channel.close()
    assert await running == double.calls[0].name
    assert type(await waiting) is NeverSent
    assert type(await failure(channel)) is NeverSent
    assert [call.send_key for call in double.calls] == ["running"]


async def test_no_thread(channel: Firebase, double: FirebaseDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that was queued, but found no thread, was never sent, and does not leave with the next."""

    def exhausted(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as starved:
        starved.setattr(threading.Thread, "start", exhausted)
        assert type(await failure(channel, envelope("queued"))) is NeverSent
    await channel.send(envelope("next"))
    assert double.accepted == {"next": 1}


async def test_connection_refused(channel: Firebase, double: FirebaseDouble) -> None:
    """Where nobody listens nothing was sent, whether somebody did before or not."""
    await channel.send(envelope("before"))
    await double.close()
    assert type(await failure(channel)) in (NeverSent, InDoubt)  # the kept connection may have looked alive
    assert type(await failure(channel)) is NeverSent
    assert double.accepted == {"before": 1}


async def test_host_not_reached(channel: Firebase, double: FirebaseDouble) -> None:
    """Where the proxy does not let us through to Firebase nothing was sent."""
    double.hosts.pop("fcm.googleapis.com")
    assert type(await failure(channel)) is NeverSent
    assert double.strangers == ["fcm.googleapis.com:443"]


async def test_name_not_found(channel: Firebase, double: FirebaseDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name is not found nothing was sent."""

    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert type(await failure(channel)) is NeverSent


async def test_not_trusted(channel: Firebase, double: FirebaseDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a server whose certificate is not trusted nothing is sent, and the text names the remedy."""
    await channel.send(envelope("trusted"))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    raised = await failure(channel)
    assert type(raised) is NeverSent
    assert "REQUESTS_CA_BUNDLE" in str(raised)
    assert len(double.calls) == 1


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


async def test_not_connected(
    double: FirebaseDouble, key_file: Path, nowhere: Nowhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that does not come about in time is not in doubt: nothing was sent, and nothing leaves later."""
    channel = Firebase(key_file, call_timeout=1)
    await channel.send(envelope("before"))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{nowhere.port}")
    raised = await failure(channel)
    await channel.close()
    assert type(raised) is NeverSent
    assert double.accepted == {"before": 1}


async def test_slow_name(double: FirebaseDouble, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name takes longer than the call may, the answer is in time, and nothing leaves afterwards."""
    found, looked_up = threading.Event(), socket.getaddrinfo

    def slow(*arguments: Any, **options: Any) -> Any:
        assert found.wait(10)
        return looked_up(*arguments, **options)

    channel = Firebase(key_file, call_timeout=1)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    begun = time.monotonic()
    raised = await failure(channel)
    assert time.monotonic() - begun < 5
    found.set()
    await channel.close()
    assert type(raised) is NeverSent
    assert double.calls == []


async def test_slow_sign_in(double: FirebaseDouble, key_file: Path) -> None:
    """While Google's sign-in hangs nothing is in doubt, and nothing leaves when it answers at last."""
    channel = Firebase(key_file, call_timeout=1)
    double.sign_in_status = 0
    raised = await asyncio.gather(failure(channel, envelope("first")), failure(channel, envelope("second")))
    assert [type(error) for error in raised] == [NeverSent, NeverSent]
    double.sign_in_status = 200
    await channel.send(envelope("third"))
    await channel.close()
    assert [call.send_key for call in double.calls] == ["third"]


async def test_too_late_to_begin(double: FirebaseDouble, key_file: Path) -> None:
    """A message that got its thread when half of the time was over is not begun: it would end in doubt, not in an answer."""
    channel = Firebase(key_file, threads=1, call_timeout=2)
    double.script(delay(1.3))
    first = asyncio.create_task(channel.send(envelope("first")))
    await double.arrived(1)
    assert type(await failure(channel, envelope("second"))) is NeverSent
    await first
    await channel.close()
    assert [call.send_key for call in double.calls] == ["first"]


async def test_trickling_answer(double: FirebaseDouble, key_file: Path) -> None:
    """An answer that comes a byte at a time and never ends keeps neither the caller nor the thread."""

    async def drops() -> AsyncIterator[bytes]:
        while not double.closing.is_set():
            await asyncio.wait({over}, timeout=0.02)
            yield b" "

    async def trickle(_: Request) -> Reply:
        return Reply(200, "", {"Content-Length": "99999"}, drops())

    over = asyncio.create_task(double.closing.wait())
    double.hosts["fcm.googleapis.com"] = trickle
    channel = Firebase(key_file, threads=1, call_timeout=1)
    raised = await failure(channel)
    async with asyncio.timeout(5):
        await channel.close()
    await double.close()
    await over
    assert type(raised) is InDoubt
