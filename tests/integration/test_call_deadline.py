"""A call of a provider's client library is over in time, and what has not left by then never leaves."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from activities.channels.firebase import Firebase
from activities.channels.sendgrid import SendGrid
from errors import InDoubt, NeverSent, ProviderError
from tests import mailing, pushing
from tests.doubles import firebase_behaviour, sendgrid_behaviour
from tests.doubles.firebase import FirebaseDouble
from tests.doubles.sendgrid import SendGridDouble


@dataclass
class Way:
    """One provider: its double, what may become of a call there, and how the shipped channel is opened."""

    double: SendGridDouble | FirebaseDouble
    behaviour: Any
    envelope: Callable[[str], Any]
    open: Callable[..., SendGrid | Firebase]
    id_of_call: str

    async def failure(self, channel: SendGrid | Firebase, send_key: str = "key-1") -> ProviderError:
        """The error that a send ends with."""
        with pytest.raises(ProviderError) as caught:
            await channel.send(self.envelope(send_key))
        return caught.value

    @property
    def arrived(self) -> list[str]:
        return [call.send_key for call in self.double.calls]


@pytest.fixture(params=["sendgrid", "firebase"])
async def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Way]:
    if request.param == "sendgrid":
        monkeypatch.setenv("no_proxy", "*")
        async with SendGridDouble(api_key=mailing.KEY) as mail:
            yield Way(
                *(mail, sendgrid_behaviour, mailing.envelope),
                open=lambda **more: mailing.sendgrid_at(mail.url, **more),
                id_of_call="message_id",
            )
        return
    async with FirebaseDouble() as push:
        for name, value in push.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        key_file = push.key_file(tmp_path)
        yield Way(
            *(push, firebase_behaviour, pushing.envelope),
            open=lambda **more: Firebase(key_file, **more),
            id_of_call="name",
        )


@pytest.mark.parametrize("answer", ["hang", "delay"])
async def test_no_answer(way: Way, answer: str) -> None:
    """A call without an answer in time is in doubt, and is not waited for any longer.

    Killed by: a deadline of 20 s for the call together with a wait as long in Threads.call.
    """
    channel = way.open(call_timeout=1)
    way.double.script(way.behaviour.HANG if answer == "hang" else way.behaviour.delay(30))
    begun = time.monotonic()
    raised = await way.failure(channel)
    assert time.monotonic() - begun < 5
    assert type(raised) is InDoubt
    assert way.double.accepted.total() == (answer == "delay")
    await channel.close()


async def test_late_answer(way: Way) -> None:
    """An answer that is slow but in time is an answer."""
    channel = way.open()
    way.double.script(way.behaviour.delay(0.05))
    told = await channel.send(way.envelope("key-1"))
    assert told == getattr(way.double.calls[0], way.id_of_call)
    await channel.close()


async def test_every_thread_busy(way: Way) -> None:
    """A message that found every thread busy was never sent: it is not in doubt, and it does not leave later.

    Killed by: leaving `threads` out where Threads makes its pool.
    """
    channel = way.open(threads=1, call_timeout=1)
    way.double.script(way.behaviour.HANG)
    raised = await asyncio.gather(way.failure(channel, "first"), way.failure(channel, "second"))
    await channel.close()
    assert [type(error) for error in raised] == [InDoubt, NeverSent]
    assert way.arrived == ["first"]


async def test_too_late_to_begin(way: Way) -> None:
    """A message that got its thread when half of the time was over is not begun: it would end in doubt, not in an answer.

    Killed by: leaving the look at the time out of SendGrid._post, or of FirebaseClient.post.
    """
    channel = way.open(threads=1, call_timeout=2)
    way.double.script(way.behaviour.delay(1.3))
    first = asyncio.create_task(channel.send(way.envelope("first")))
    await way.double.arrived(1)
    assert type(await way.failure(channel, "second")) is NeverSent
    await first
    await channel.close()
    assert way.arrived == ["first"]


async def test_cancelled_while_waiting(way: Way) -> None:
    """A send that is cancelled before it has a thread does not leave later.

    Killed by: leaving both `answer.cancel` and `call_off` out of Threads.call.
    """
    channel = way.open(threads=1)
    way.double.script(way.behaviour.delay(0.5))
    first = asyncio.create_task(channel.send(way.envelope("first")))
    await way.double.arrived(1)
    second = asyncio.create_task(channel.send(way.envelope("second")))
    await asyncio.sleep(0)  # one turn of the loop: it waits for the thread now
    second.cancel()
    await first
    await channel.send(way.envelope("third"))
    await channel.close()
    assert second.cancelled()
    assert way.arrived == ["first", "third"]


async def test_cancelled_before_the_first_byte(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """A send that is cancelled while it looks for the address does not leave later.

    Killed by: leaving `call_off` out of the end of Threads.call.
    """
    asked, found, looked_up = threading.Event(), threading.Event(), socket.getaddrinfo

    def slow(*arguments: Any, **options: Any) -> Any:
        asked.set()
        assert found.wait(10)
        return looked_up(*arguments, **options)

    channel = way.open()
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    sending = asyncio.create_task(channel.send(way.envelope("key-1")))
    assert await asyncio.to_thread(asked.wait, 10)
    sending.cancel()
    await asyncio.wait({sending})
    found.set()
    await channel.close()
    assert sending.cancelled()
    assert way.arrived == []


async def test_closed(way: Way) -> None:
    """Closing lets the running call end and drops what waits, as never sent; afterwards nothing is taken.

    Killed by: leaving `cancel_futures` out of Threads.close.
    """
    channel = way.open(threads=1)
    way.double.script(way.behaviour.delay(0.5))
    running = asyncio.create_task(channel.send(way.envelope("running")))
    await way.double.arrived(1)
    waiting = asyncio.create_task(way.failure(channel, "waiting"))
    await asyncio.sleep(0)  # one turn of the loop: it waits for the thread now
    await channel.close()
    assert await running
    assert type(await waiting) is NeverSent
    assert type(await way.failure(channel)) is NeverSent
    assert way.arrived == ["running"]


async def test_no_thread(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that was queued, but found no thread, was never sent, and does not leave with the next.

    Killed by: raising InDoubt where `submit` fails in Threads.call, or NeverSent without calling it off.
    """

    def exhausted(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    channel = way.open()
    with monkeypatch.context() as starved:
        starved.setattr(threading.Thread, "start", exhausted)
        assert type(await way.failure(channel, "queued")) is NeverSent
    await channel.send(way.envelope("next"))
    await channel.close()
    assert way.double.accepted == {"next": 1}


async def test_name_not_found(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name is not found nothing was sent."""

    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    channel = way.open()
    assert type(await way.failure(channel)) is NeverSent
    await channel.close()


async def test_slow_name(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name takes longer than the call may, the answer is in time, and nothing leaves afterwards.

    Killed by: waiting without a timeout in Threads.call, or not calling off in Threads._given_up.
    """
    found, looked_up = threading.Event(), socket.getaddrinfo

    def slow(*arguments: Any, **options: Any) -> Any:
        assert found.wait(10)
        return looked_up(*arguments, **options)

    channel = way.open(call_timeout=1)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    begun = time.monotonic()
    raised = await way.failure(channel)
    assert time.monotonic() - begun < 5
    found.set()
    await channel.close()
    assert type(raised) is NeverSent
    assert way.arrived == []
