"""What every answer of SendGrid means, seen with the real client against a real server."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from activities.channels.envelope import Provider
from activities.channels.sendgrid import SendGrid, refusal
from errors import InDoubt, ProviderError, Refused, SettingsError, TryLater
from messages import RenderedCard
from tests.doubles.sendgrid import (
    CUT_AFTER_ACCEPT,
    ERROR_AFTER_ACCEPT,
    FORBIDDEN,
    REFUSE,
    SERVER_ERROR,
    TOO_LARGE,
    Behaviour,
    SendGridDouble,
    rate_limited,
)
from tests.mailing import ADDRESS, KEY, LINK, envelope, failure, sendgrid_at


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
        (FORBIDDEN, TryLater, 0),
        (TOO_LARGE, Refused, 0),
        (rate_limited(), TryLater, 0),
        (SERVER_ERROR, InDoubt, 0),
        (ERROR_AFTER_ACCEPT, InDoubt, 1),
        (CUT_AFTER_ACCEPT, InDoubt, 1),
        (Behaviour("not_found", 404), Refused, 0),
        (Behaviour("request_timeout", 408), InDoubt, 0),
        (Behaviour("unavailable", 503), TryLater, 0),
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
    """A key that SendGrid does not know is told as what to check, without the key; the message waits for minutes, not less."""
    channel = sendgrid_at(double.url, key="SG.wrong")
    raised = await failure(channel)
    await channel.close()
    assert isinstance(raised, TryLater)
    assert timedelta(minutes=1) <= raised.after <= timedelta(minutes=15)
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


async def test_only_email(channel: SendGrid, double: SendGridDouble) -> None:
    """A card is refused before anything is called."""
    card = replace(envelope(), channel="push", rendered=RenderedCard("Your cart", "Still here"))
    assert type(await failure(channel, card)) is Refused
    assert double.calls == []
