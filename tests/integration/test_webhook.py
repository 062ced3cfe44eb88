"""What every answer to a webhook means, seen by a real client at a real server that checks it as the standard says."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import trustme
from temporalio.testing import ActivityEnvironment

from activities.channels.endpoints import read_endpoints
from activities.channels.envelope import Envelope, Provider
from activities.channels.webhook import AT_ONCE, Webhooks
from errors import ProviderError, Refused, RepeatLater, TryLater
from messages import RenderedCall, RenderedCard
from tests.doubles.webhook import (
    ACCEPT,
    CUT,
    CUT_AFTER_ACCEPT,
    ENDLESS,
    ERROR_AFTER_ACCEPT,
    HANG,
    SERVER_ERROR,
    Behaviour,
    WebhookDouble,
    answer,
)
from tests.servers import free_port

SECRET = "whsec_" + b64encode(b"thirty-two bytes of test secrets").decode()
OTHER = "whsec_" + b64encode(b"another thirty-two bytes of them").decode()


@pytest.fixture(autouse=True)
def _loopback_without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
async def double() -> AsyncIterator[WebhookDouble]:
    async with WebhookDouble(SECRET) as double:
        yield double


@pytest.fixture
async def channel(double: WebhookDouble) -> AsyncIterator[Webhooks]:
    async for channel in calling(f"crm={double.url}"):
        yield channel


async def calling(addresses: str, secrets: str = SECRET, **options: Any) -> AsyncIterator[Webhooks]:
    channel = Webhooks(read_endpoints(addresses, secrets), **options)
    yield channel
    await channel.close()


def envelope(send_key: str = "key-1", template: str = "crm/tagged") -> Envelope:
    return Envelope(
        send_key=send_key,
        user_id="u-42",
        channel="webhook",
        template=template,
        topic="crm",
        kind="service",
        rendered=RenderedCall({"tag": "bought", "name": "Zoë"}),
    )


async def failure(channel: Webhooks, what: Envelope | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await channel.send(what or envelope())
    return caught.value


async def test_is_a_provider(channel: Webhooks) -> None:
    """Webhooks are a channel like the others, and carry JSON alone."""
    provider: Provider = channel
    assert provider.name == "webhook"
    assert "JSON only" in str(await failure(channel, replace(envelope(), rendered=RenderedCard("Title", "Body"))))


async def test_what_is_sent(channel: Webhooks, double: WebhookDouble) -> None:
    """A call is signed, names its type, says when, for whom and what, and a repeat carries the same id."""
    before = datetime.now(UTC)
    for _ in range(2):
        await channel.send(envelope())
    first, again = double.calls
    assert double.forged == 0
    assert (first.id, first.path, first.headers["content-type"]) == ("key-1", "/hooks", "application/json")
    assert again.id == first.id
    assert first.payload.keys() == {"type", "timestamp", "data"}
    assert first.payload["type"] == "crm.tagged"
    assert first.payload["data"] == {"user_id": "u-42", "journey": None, "tag": "bought", "name": "Zoë"}
    assert before <= datetime.fromisoformat(first.payload["timestamp"]) <= datetime.now(UTC)
    assert double.connections == 1


async def test_inside_an_activity(channel: Webhooks, double: WebhookDouble) -> None:
    """The receiver learns which journey calls, and every attempt tells the same moment."""
    environment = ActivityEnvironment()
    asked = datetime(2026, 3, 1, 9, tzinfo=UTC)
    for attempt in (1, 2):
        environment.info = replace(environment.info, workflow_type="tagger", scheduled_time=asked, attempt=attempt)
        await environment.run(channel.send, envelope())
    first, again = double.calls
    assert first.payload == again.payload
    assert first.payload["data"]["journey"] == "tagger"
    assert datetime.fromisoformat(first.payload["timestamp"]) == asked


async def test_a_wrong_secret(double: WebhookDouble) -> None:
    """A receiver with another secret refuses the call."""
    async for channel in calling(f"crm={double.url}", OTHER):
        assert isinstance(await failure(channel), Refused)
    assert (double.forged, double.calls) == (1, [])


@pytest.mark.parametrize("secrets", [f"{SECRET};{OTHER}", f"{OTHER};{SECRET}", f"{OTHER};crm={SECRET}"])
async def test_secrets_change(double: WebhookDouble, secrets: str) -> None:
    """While a secret is changed both sign; an endpoint with a secret of its own is signed for with that."""
    async for channel in calling(f"crm={double.url};ads=https://ads.example.com", secrets):
        await channel.send(envelope())
    assert len(double.calls) == 1
    signatures = double.calls[0].headers["webhook-signature"].split(" ")
    assert len(signatures) == (1 if "crm=" in secrets else 2)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_accepted(channel: Webhooks, double: WebhookDouble, status: int) -> None:
    """Any 2xx means that the receiver has it."""
    double.script(answer(status))
    await channel.send(envelope())
    assert double.accepted == {"key-1": 1}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
async def test_refused(channel: Webhooks, double: WebhookDouble, status: int) -> None:
    """What the receiver does not want is not offered again."""
    double.script(answer(status))
    error = await failure(channel)
    assert isinstance(error, Refused)
    assert str(error) == f"The endpoint crm answered {status}"


async def test_gone(double: WebhookDouble) -> None:
    """After 410 the endpoint is left alone, and others are not."""
    double.script(answer(410))
    async for channel in calling(f"crm={double.url};ads={double.url}/ads"):
        for _ in range(3):
            error = await failure(channel)
            assert isinstance(error, Refused)
            assert "wants no more calls" in str(error)
        assert len(double.calls) == 1
        await channel.send(envelope(template="ads/audience/added"))
    assert [call.path for call in double.calls] == ["/hooks", "/hooks/ads"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect(channel: Webhooks, double: WebhookDouble, status: int) -> None:
    """A redirect is not followed: what was signed for one address goes to no other."""
    double.script(answer(status, location=f"{double.url}/elsewhere"))
    error = await failure(channel)
    assert isinstance(error, Refused)
    assert "redirects are not followed" in str(error)
    assert [call.path for call in double.calls] == ["/hooks"]


@pytest.mark.parametrize("status", [429, 503])
async def test_later(channel: Webhooks, double: WebhookDouble, status: int) -> None:
    """Who asks us to come back later says when, in seconds or as a date; an hour is the longest."""
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    double.script(*(answer(status, retry_after=text) for text in ("7", in_a_minute, "999999", "0")))
    waits = []
    for _ in range(4):
        error = await failure(channel)
        assert isinstance(error, TryLater)
        waits.append(error.after.total_seconds())
    assert waits[0] == 7
    assert 57 <= waits[1] <= 60
    assert waits[2:] == [3600, 1]


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (answer(500), RepeatLater),
        (answer(502), RepeatLater),
        (answer(503), TryLater),
        (answer(504), RepeatLater),
        (answer(429), TryLater),
        (answer(408), RepeatLater),
        (ERROR_AFTER_ACCEPT, RepeatLater),
        (CUT, RepeatLater),
        (CUT_AFTER_ACCEPT, RepeatLater),
    ],
    ids=str,
)
async def test_again(
    channel: Webhooks, double: WebhookDouble, behaviour: Behaviour, kind: type[TryLater] | type[RepeatLater]
) -> None:
    """What may or may not have arrived is called again, after 1, 2, 4, … seconds and at most five minutes, and told from
    what has not arrived.
    """
    environment = ActivityEnvironment()
    waits = []
    for attempt in (1, 2, 3, 9, 10, 5000):
        environment.info = replace(environment.info, attempt=attempt)
        double.script(behaviour)
        with pytest.raises((TryLater, RepeatLater)) as caught:
            await environment.run(channel.send, envelope())
        assert type(caught.value) is kind
        waits.append(caught.value.after.total_seconds())
    assert waits == [1, 2, 4, 256, 300, 300]
    await channel.send(envelope())
    assert {call.id for call in double.calls} == {"key-1"}


async def test_no_answer(double: WebhookDouble) -> None:
    """A receiver that takes the call and says nothing is given up on in time, and called again."""
    double.script(HANG)
    async for channel in calling(f"crm={double.url}", call_timeout=0.2):
        began = time.monotonic()
        assert isinstance(await failure(channel), RepeatLater)
        assert time.monotonic() - began < 2
        await channel.send(envelope())
    assert double.accepted == {"key-1": 1}


async def test_endless_answer(channel: Webhooks, double: WebhookDouble) -> None:
    """A call counts as accepted with its status, however long the rest of the answer takes."""
    double.script(ENDLESS)
    await asyncio.wait_for(channel.send(envelope()), 5)
    await channel.send(envelope("key-2"))
    assert double.accepted == {"key-1": 1, "key-2": 1}


async def test_huge_answer(channel: Webhooks, double: WebhookDouble) -> None:
    """Of a large answer only the beginning is read."""
    double.script(Behaviour(200, accepts=True, body=b"x" * 2_000_000))
    await channel.send(envelope())
    await channel.send(envelope("key-2"))
    assert double.connections == 2


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "https://nohost.invalid/"])
async def test_not_there(address: str) -> None:
    """A receiver that cannot be reached is tried again."""
    async for channel in calling(f"crm={address.format(port=free_port())}"):
        assert isinstance(await failure(channel), TryLater)


async def test_tls() -> None:
    """Over https the receiver's certificate has to be one that we trust; else nothing is sent, and it is tried again."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    async with WebhookDouble(SECRET, tls=theirs) as double:
        async for stranger in calling(f"crm={double.url}"):
            assert isinstance(await failure(stranger), TryLater)
        assert double.calls == []
        authority.configure_trust(ours)
        async for friend in calling(f"crm={double.url}", verify=ours):
            await friend.send(envelope())
        assert len(double.calls) == 1


async def test_credentials_in_the_address(double: WebhookDouble) -> None:
    """A name and password in the address become the header that they stand for."""
    async for channel in calling(f"crm={double.url.replace('://', '://any:key@')}"):
        await channel.send(envelope())
    assert double.calls[0].headers["authorization"] == "Basic " + b64encode(b"any:key").decode()


async def test_unknown_endpoint(channel: Webhooks, double: WebhookDouble) -> None:
    """A template whose name is made at run time may lead nowhere: that is refused in words."""
    assert str(await failure(channel, envelope(template="erp/x"))) == "JOURNEYMAN_WEBHOOKS names no endpoint erp"
    assert double.calls == []


async def test_one_that_hangs(double: WebhookDouble) -> None:
    """An endpoint that hangs takes a bounded number of places, and none from another endpoint."""
    async with WebhookDouble(SECRET, otherwise=HANG) as slow:
        async for channel in calling(f"crm={slow.url};ads={double.url}"):
            waiting = [asyncio.create_task(failure(channel, envelope(f"slow-{n}"))) for n in range(AT_ONCE)]
            await slow.arrived(AT_ONCE)
            error = await asyncio.wait_for(failure(channel), 1)
            assert isinstance(error, TryLater)
            assert "is slow" in str(error)
            await asyncio.wait_for(channel.send(envelope(template="ads/x")), 5)
            assert len(slow.calls) == AT_ONCE
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            slow.otherwise = ACCEPT
            await channel.send(envelope())


async def test_nothing_secret_is_told(double: WebhookDouble, caplog: pytest.LogCaptureFixture) -> None:
    """No error and no log holds the address, what is in it, the secret, or anything of the message."""
    caplog.set_level(logging.DEBUG)
    told = []
    address = f"{double.url.replace('://', '://any:hunter2@')}/token-of-ours"
    double.script(SERVER_ERROR, answer(404), answer(302, location="https://x.example/token-of-theirs"), CUT, ACCEPT)
    async for channel in calling(f"crm={address}", call_timeout=1):
        told += [str(await failure(channel)) for _ in range(4)]
        await channel.send(envelope())
    async for channel in calling(f"crm=http://any:hunter2@localhost:{free_port()}/token-of-ours"):
        told.append(repr(await failure(channel)))
    text = "\n".join([*told, caplog.text, repr(read_endpoints(f"crm={address}", SECRET))])
    for secret in ("hunter2", "token-of", SECRET[6:], "Zoë", "bought"):
        assert secret not in text
