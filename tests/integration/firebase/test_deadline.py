"""What Firebase's client library does on its way through proxy, sign-in and answer is over within the call's deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.channels.firebase import Firebase
from errors import InDoubt, NeverSent
from tests.doubles.firebase import FirebaseDouble
from tests.doubles.google import Reply
from tests.doubles.listening import Request
from tests.nowhere import nowhere
from tests.pushing import envelope, failure


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


async def test_not_trusted(channel: Firebase, double: FirebaseDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a server whose certificate is not trusted nothing is sent, and the text names the remedy."""
    await channel.send(envelope("trusted"))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    raised = await failure(channel)
    assert type(raised) is NeverSent
    assert "REQUESTS_CA_BUNDLE" in str(raised)
    assert len(double.calls) == 1


async def test_not_connected(double: FirebaseDouble, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that does not come about in time is not in doubt: nothing was sent, and nothing leaves later."""
    channel = Firebase(key_file, call_timeout=1)
    await channel.send(envelope("before"))
    with nowhere() as port:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        raised = await failure(channel)
    await channel.close()
    assert type(raised) is NeverSent
    assert double.accepted == {"before": 1}


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
