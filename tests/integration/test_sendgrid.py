"""What every answer of SendGrid means, seen with the real client against a real server."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.config
import socket
import threading
import time
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from openapi_schema_validator import OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from activities.channels.envelope import Envelope, Provider
from activities.channels.sendgrid import SendGrid, refusal
from errors import InDoubt, NeverSent, ProviderError, Refused, SettingsError, TryLater
from messages import RenderedCard, RenderedEmail
from tests.doubles.sendgrid import (
    CUT_AFTER_ACCEPT,
    ERROR_AFTER_ACCEPT,
    FORBIDDEN,
    HANG,
    MAIL_SEND,
    REFUSE,
    SERVER_ERROR,
    TOO_LARGE,
    Behaviour,
    SendGridDouble,
    delay,
    rate_limited,
)

OFFICIAL = Path(__file__).parents[3] / "shared" / "data" / "sendgrid-mail-v3.openapi.json"
KEY = "SG.double"
ADDRESS = "ada@example.org"
LINK = "https://shop.example/u/token-of-ada"


@pytest.fixture(autouse=True)
def _loopback_without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
async def double() -> AsyncIterator[SendGridDouble]:
    async with SendGridDouble(api_key=KEY) as double:
        yield double


@pytest.fixture
async def channel(double: SendGridDouble) -> AsyncIterator[SendGrid]:
    channel = sendgrid_at(double.url)
    yield channel
    await double.close()
    await channel.close()


def sendgrid_at(host: str, *, key: str = KEY, threads: int = 16, call_timeout: float = 10.0) -> SendGrid:
    return SendGrid(
        key,
        sender=("shop@example.com", "The Shop"),
        reply_to="help@example.com",
        host=host,
        threads=threads,
        call_timeout=call_timeout,
    )


def envelope(send_key: str = "key-1") -> Envelope:
    return Envelope(
        send_key=send_key,
        user_id="u-42",
        channel="email",
        template="cart/last_call",
        topic="cart reminders",
        kind="marketing",
        rendered=RenderedEmail("Your cart", "Still here", "<p>Dear Ada</p>", "Dear Ada"),
        address=ADDRESS,
        unsubscribe_url=LINK,
    )


async def failure(channel: SendGrid, what: Envelope | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await channel.send(what or envelope())
    return caught.value


async def body_of(channel: SendGrid, double: SendGridDouble, what: Envelope) -> dict[str, Any]:
    await channel.send(what)
    body = double.calls[-1].body
    assert body is not None
    return body


async def test_accepted(channel: SendGrid, double: SendGridDouble) -> None:
    """A 202 returns SendGrid's own id for the message, and the message was accepted once."""
    provider: Provider = channel
    message_id = await provider.send(envelope())
    assert message_id == double.calls[0].message_id
    assert double.accepted == {"key-1": 1}


async def test_many_at_once(channel: SendGrid, double: SendGridDouble) -> None:
    """More messages at once than there are threads are each accepted once."""
    ids = await asyncio.gather(*(channel.send(envelope(f"key-{n}")) for n in range(40)))
    assert len(set(ids)) == 40
    assert set(double.accepted.values()) == {1}
    assert len(double.accepted) == 40


@pytest.mark.parametrize(
    ("behaviour", "error", "accepted"),
    [
        (REFUSE, Refused, 0),
        (FORBIDDEN, Refused, 0),
        (TOO_LARGE, Refused, 0),
        (rate_limited(), TryLater, 0),
        (SERVER_ERROR, InDoubt, 0),
        (ERROR_AFTER_ACCEPT, InDoubt, 1),
        (CUT_AFTER_ACCEPT, InDoubt, 1),
        (Behaviour("not_found", 404), Refused, 0),
        (Behaviour("request_timeout", 408), InDoubt, 0),
        (Behaviour("unavailable", 503), InDoubt, 0),
        (Behaviour("ok", 200), InDoubt, 0),
    ],
    ids=lambda value: value.name if isinstance(value, Behaviour) else None,
)
async def test_answers(
    channel: SendGrid, double: SendGridDouble, behaviour: Behaviour, error: type[ProviderError], accepted: int
) -> None:
    """Every answer becomes the one error that says what may be done next, and its text holds nothing personal."""
    double.script(behaviour)
    raised = await failure(channel)
    assert type(raised) is error
    assert len(double.calls) == 1
    assert double.accepted.total() == accepted
    assert behaviour.status is None or str(behaviour.status) in str(raised)
    for secret in (ADDRESS, KEY, "Ada", LINK, "as scripted"):
        assert secret not in str(raised)
    assert raised.__cause__ is None
    assert raised.__context__ is None


async def test_field(channel: SendGrid, double: SendGridDouble) -> None:
    """A refusal names the field that SendGrid blames."""
    double.script(REFUSE)
    assert "personalizations.0.to.0.email" in str(await failure(channel))


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"errors": [{"field": ADDRESS}]}),
        json.dumps({"errors": [{"field": f"from.{ADDRESS}"}]}),
        json.dumps({"errors": [{"field": "ada.lovelace"}]}),
        json.dumps({"errors": [{"field": 1}]}),
        json.dumps({"errors": []}),
        json.dumps([ADDRESS]),
        "[" * 100_000,
        f"<html>{ADDRESS}</html>",
        "",
    ],
    ids=["address", "address in a field", "name", "number", "none", "list", "deep", "html", "empty"],
)
def test_quoting(body: str) -> None:
    """What is not the name of a field of ours is never repeated."""
    assert str(refusal(400, {}, body.encode())) == "SendGrid answered 400"


async def test_wrong_key(double: SendGridDouble) -> None:
    """A key that SendGrid does not know is told as what to check, without the key."""
    channel = sendgrid_at(double.url, key="SG.wrong")
    raised = await failure(channel)
    await channel.close()
    assert type(raised) is Refused
    assert "401" in str(raised)
    assert "SENDGRID_API_KEY" in str(raised)
    assert "SG.wrong" not in str(raised)
    assert double.rejected == [(401, None)]


@pytest.mark.parametrize("key", ["", "SG.secret\n", "SG.se cret", "SG.gehëim"])
def test_malformed_key(key: str) -> None:
    """A key that cannot be one is refused at start-up, without being quoted."""
    with pytest.raises(SettingsError, match="SENDGRID_API_KEY") as caught:
        sendgrid_at("http://127.0.0.1:1", key=key)
    assert not key or key.strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Reset": "1000030"}, 30),
        ({"X-RateLimit-Reset": "999000"}, 1),
        ({"X-RateLimit-Reset": "9000000"}, 3600),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "7", "X-RateLimit-Reset": "1000030"}, 7),
        ({"Retry-After": "Mon, 12 Jan 1970 13:47:00 GMT"}, 20),
        ({"Retry-After": "Mon, 12 Jan 1970 13:47:00 -0000"}, 20),
        ({"Retry-After": "inf"}, 60),
        ({"Retry-After": "nan", "X-RateLimit-Reset": "soon"}, 60),
        ({}, 60),
    ],
)
def test_rate_limit(headers: dict[str, str], seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 429 is tried again when it says, never sooner than a second and never later than an hour."""
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    raised = refusal(429, headers, b"")
    assert isinstance(raised, TryLater)
    assert raised.after == timedelta(seconds=seconds)


async def test_rate_limit_on_the_wire(channel: SendGrid, double: SendGridDouble) -> None:
    """The reset that a real answer names is found in it."""
    double.script(rate_limited(600))
    raised = await failure(channel)
    assert isinstance(raised, TryLater)
    assert timedelta(minutes=9) < raised.after <= timedelta(minutes=10, seconds=1)


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


async def test_only_email(channel: SendGrid, double: SendGridDouble) -> None:
    """A card is refused before anything is called."""
    card = replace(envelope(), channel="push", rendered=RenderedCard("Your cart", "Still here"))
    assert type(await failure(channel, card)) is Refused
    assert double.calls == []


async def test_body(channel: SendGrid, double: SendGridDouble) -> None:
    """The body says who, what and why; the address is in one place, and only the send key comes back by webhook."""
    assert await body_of(channel, double, envelope()) == {
        "personalizations": [{"to": [{"email": ADDRESS}], "custom_args": {"send_key": "key-1"}}],
        "from": {"email": "shop@example.com", "name": "The Shop"},
        "reply_to": {"email": "help@example.com"},
        "subject": "Your cart",
        "content": [{"type": "text/plain", "value": "Dear Ada"}, {"type": "text/html", "value": "<p>Dear Ada</p>"}],
        "categories": ["cart reminders", "cart/last_call"],
        "headers": {"List-Unsubscribe": f"<{LINK}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    }


@pytest.mark.parametrize("changes", [{"kind": "service"}, {"kind": "transactional"}, {"unsubscribe_url": ""}])
async def test_no_unsubscribe(channel: SendGrid, double: SendGridDouble, changes: dict[str, Any]) -> None:
    """One-click unsubscribe is offered only on marketing, and only with somewhere to click."""
    assert "headers" not in await body_of(channel, double, replace(envelope(), **changes))


async def test_same_labels(channel: SendGrid, double: SendGridDouble) -> None:
    """A template named like its topic is one category: SendGrid refuses the same one twice."""
    body = await body_of(channel, double, replace(envelope(), topic="welcome", template="welcome"))
    assert body["categories"] == ["welcome"]


def official() -> Any:
    if not OFFICIAL.exists():
        pytest.skip("SendGrid's OpenAPI description is not on this machine; MAIL_SEND is checked instead")
    document = json.loads(OFFICIAL.read_text())
    registry: Registry[Any] = Registry().with_resource("urn:sendgrid", DRAFT202012.create_resource(document))
    pointer = "urn:sendgrid#/components/requestBodies/PostMailSend/content/application~1json/schema"
    return OAS31Validator({"$ref": pointer}, registry=registry, format_checker=OAS31Validator.FORMAT_CHECKER)


def ours() -> Any:
    return OAS31Validator(MAIL_SEND)


MISTAKES: dict[str, dict[str, Any]] = {
    "args on top": {"custom_args": {"send_key": "key-1"}},
    "no sender": {"from": {"name": "The Shop"}},
    "no person": {"personalizations": [{"custom_args": {"send_key": "key-1"}}]},
    "empty text": {"content": [{"type": "text/plain", "value": ""}, {"type": "text/html", "value": "x"}]},
    "category twice": {"categories": ["welcome", "welcome"]},
    "long category": {"categories": ["x" * 256]},
    "empty subject": {"subject": ""},
    "headers as list": {"headers": ["List-Unsubscribe"]},
}


@pytest.mark.parametrize("schema", [ours, official])
async def test_schema(channel: SendGrid, double: SendGridDouble, schema: Any) -> None:
    """Every body that we send is one that SendGrid's description allows."""
    validator = schema()
    for kind in ("marketing", "service", "transactional"):
        for url in ("", LINK):
            validator.validate(await body_of(channel, double, replace(envelope(), kind=kind, unsubscribe_url=url)))


@pytest.mark.parametrize("schema", [ours, official])
@pytest.mark.parametrize("mistake", MISTAKES)
async def test_schema_sees(channel: SendGrid, double: SendGridDouble, schema: Any, mistake: str) -> None:
    """Each planted mistake is seen, so that a body without a finding means something."""
    validator = schema()
    body = deepcopy(await body_of(channel, double, envelope()))
    assert not validator.is_valid(body | MISTAKES[mistake])


async def test_double_refuses_malformed(channel: SendGrid, double: SendGridDouble) -> None:
    """The double refuses what SendGrid would, and names the field."""
    raised = await failure(channel, replace(envelope(), address="nobody"))
    assert type(raised) is Refused
    assert "personalizations.0.to.0.email" in str(raised)
    assert double.rejected == [(400, "personalizations.0.to.0.email")]
    assert not double.accepted


async def test_double_mix() -> None:
    """The same seed draws the same behaviours, in about the shares that were asked for."""
    drawn = []
    for _ in range(2):
        async with SendGridDouble(keep_bodies=False) as double:
            double.mix({SERVER_ERROR: 0.2, ERROR_AFTER_ACCEPT: 0.3}, seed=7)
            channel = sendgrid_at(double.url, threads=1)
            for n in range(100):
                try:
                    await channel.send(envelope(f"key-{n}"))
                except InDoubt:
                    continue
            await channel.close()
            drawn.append([call.behaviour.name for call in double.calls])
            assert double.accepted.total() == 100 - drawn[-1].count("server_error")
    assert drawn[0] == drawn[1]
    assert 10 <= drawn[0].count("server_error") <= 30
    assert 20 <= drawn[0].count("error_after_accept") <= 40


@pytest.mark.parametrize("through", ["level", "config"])
async def test_key_is_not_logged(
    channel: SendGrid, double: SendGridDouble, caplog: pytest.LogCaptureFixture, through: str
) -> None:
    """With everything logged at DEBUG neither the key nor the message is in the log."""
    name = "python_http_client.client"
    if through == "config":
        loggers = {name: {"level": "DEBUG"}}
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "loggers": loggers})
    caplog.set_level(logging.DEBUG, logger=name)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").debug("the log is on")
    await channel.send(envelope())
    double.script(REFUSE)
    await failure(channel)
    assert "the log is on" in caplog.text
    for secret in (KEY, ADDRESS, "Dear Ada", LINK):
        assert secret not in caplog.text
