"""What every answer of Firebase means, seen with the real client library against a real server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from activities.channels.envelope import Provider
from activities.channels.firebase import Firebase
from activities.channels.firebase_answers import Answer
from errors import AddressGone, InDoubt, NeverSent, ProviderError, Refused, TryLater
from messages import RenderedEmail
from tests.doubles.firebase import FirebaseDouble
from tests.doubles.firebase_behaviour import (
    CUT_AFTER_ACCEPT,
    ERROR_AFTER_ACCEPT,
    FORBIDDEN,
    MISMATCH,
    NO_APNS_KEY,
    NO_FID,
    NO_TOKEN,
    NOT_FOUND,
    NOT_GOOGLE,
    SERVER_ERROR,
    TOO_LARGE,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNREGISTERED,
    Behaviour,
    quota,
)
from tests.doubles.google import Reply, new_key, pem, reply
from tests.doubles.listening import Request
from tests.pushing import FID, TOKEN, envelope, failure


async def test_accepted(channel: Firebase, double: FirebaseDouble) -> None:
    """What Firebase takes returns its name, and was accepted once."""
    provider: Provider = channel
    assert await provider.send(envelope()) == double.calls[0].name
    assert double.accepted == {"key-1": 1}


async def test_signed_in_once(channel: Firebase, double: FirebaseDouble) -> None:
    """Many messages at once sign in once, ask for no more than to send, and are each accepted once."""
    names = await asyncio.gather(*(channel.send(envelope(f"key-{n}")) for n in range(40)))
    assert len(set(names)) == 40
    assert set(double.accepted.values()) == {1}
    assert [claims["scope"] for claims in double.sign_ins] == ["https://www.googleapis.com/auth/firebase.messaging"]
    assert double.strangers == [], "nobody else was asked for"


@pytest.mark.parametrize(
    ("behaviour", "error", "accepted"),
    [
        (UNREGISTERED, AddressGone, 0),
        (NOT_FOUND, AddressGone, 0),
        (NO_TOKEN, AddressGone, 0),
        (NO_FID, AddressGone, 0),
        (TOO_LARGE, Refused, 0),
        (MISMATCH, Refused, 0),
        (UNAUTHORIZED, TryLater, 0),
        (FORBIDDEN, TryLater, 0),
        (NO_APNS_KEY, TryLater, 0),
        (NOT_GOOGLE, TryLater, 0),
        (quota("7"), TryLater, 0),
        (SERVER_ERROR, InDoubt, 0),
        (UNAVAILABLE, TryLater, 0),
        (ERROR_AFTER_ACCEPT, TryLater, 1),
        (CUT_AFTER_ACCEPT, InDoubt, 1),
        (Behaviour("bad_gateway", 502), InDoubt, 0),
        (Behaviour("request_timeout", 408), InDoubt, 0),
        (Behaviour("no_name", 200, "OK"), InDoubt, 0),
    ],
    ids=lambda value: value.name if isinstance(value, Behaviour) else None,
)
async def test_answers(
    channel: Firebase, double: FirebaseDouble, behaviour: Behaviour, error: type[ProviderError], accepted: int
) -> None:
    """Every answer becomes the one error that says what may be done next, after one call and no more."""
    double.script(behaviour)
    raised = await failure(channel)
    assert type(raised) is error
    assert len(double.calls) == 1
    assert double.accepted.total() == accepted
    assert raised.__cause__ is None
    assert raised.__context__ is None


async def test_not_led_away(channel: Firebase, double: FirebaseDouble) -> None:
    """No redirection leads a message to somebody else."""

    async def away(_: Request) -> Reply:
        return reply(307, {}, location="https://elsewhere.example/")

    double.hosts["fcm.googleapis.com"] = away
    assert type(await failure(channel)) is InDoubt
    assert double.strangers == []


@pytest.mark.parametrize("behaviour", [SERVER_ERROR, UNAVAILABLE, CUT_AFTER_ACCEPT, quota("1"), UNAUTHORIZED])
async def test_one_call_on_a_kept_connection(channel: Firebase, double: FirebaseDouble, behaviour: Behaviour) -> None:
    """The library does not call again by itself, on a connection that has served before either."""
    await channel.send(envelope("first"))
    double.script(behaviour)
    await failure(channel, envelope("second"))
    assert [call.send_key for call in double.calls] == ["first", "second"]


async def test_copies(channel: Firebase, double: FirebaseDouble) -> None:
    """However often a message is handed over, one copy of it is seen; another message stands beside it."""
    double.script(ERROR_AFTER_ACCEPT, CUT_AFTER_ACCEPT)
    assert [type(await failure(channel)) for _ in range(2)] == [TryLater, InDoubt]
    await channel.send(envelope())
    await channel.send(envelope("key-2"))
    assert double.accepted == {"key-1": 3, "key-2": 1}
    assert [double.visible(TOKEN, key) for key in ("key-1", "key-2")] == [1, 1]


async def test_gone(channel: Firebase, double: FirebaseDouble) -> None:
    """An installation that was removed is gone, and only that one."""
    double.gone.add(FID)
    assert type(await failure(channel, envelope(address=FID, address_kind="fid"))) is AddressGone
    await channel.send(envelope())


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("7", 7), ("0", 1), ("90000", 3600), ("", 60), ("soon", 60)], ids=str
)
async def test_quota(channel: Firebase, double: FirebaseDouble, retry_after: str, seconds: int) -> None:
    """Over its quota Firebase is called again when it says, within bounds; after a minute where it does not."""
    double.script(quota(retry_after))
    raised = await failure(channel)
    assert isinstance(raised, TryLater)
    assert raised.after == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (UNAUTHORIZED, "FIREBASE_CREDENTIALS"),
        (FORBIDDEN, "Firebase Cloud Messaging API"),
        (MISMATCH, "FIREBASE_CREDENTIALS"),
        (NO_APNS_KEY, "APNs key"),
        (NOT_GOOGLE, "proxy"),
        (TOO_LARGE, "message.android"),
    ],
    ids=lambda value: value.name if isinstance(value, Behaviour) else None,
)
async def test_what_to_do(channel: Firebase, double: FirebaseDouble, behaviour: Behaviour, told: str) -> None:
    """Where an operator or an author can mend it, the text says what, and there are minutes to do it in."""
    double.script(behaviour)
    raised = await failure(channel)
    assert told in str(raised)
    assert not isinstance(raised, TryLater) or raised.after == timedelta(minutes=5)


async def test_signs_in_anew(channel: Firebase, double: FirebaseDouble) -> None:
    """An access token that Firebase does not take is not used for the next message."""
    await channel.send(envelope("first"))
    double.tokens.clear()
    assert type(await failure(channel, envelope("second"))) is TryLater
    await channel.send(envelope("third"))
    assert len(double.sign_ins) == 2
    assert double.accepted == {"first": 1, "third": 1}


async def test_key_of_another(double: FirebaseDouble, tmp_path: Path) -> None:
    """A key that Google does not know lets nothing out, and the text says what to mend."""
    channel = Firebase(double.key_file(tmp_path, private_key=pem(new_key())))
    raised = await failure(channel)
    await channel.close()
    assert isinstance(raised, TryLater)
    assert raised.after == timedelta(minutes=5)
    assert "(invalid_grant)" in str(raised)
    assert "clock" in str(raised)
    assert double.calls == []


async def test_sign_in_down(channel: Firebase, double: FirebaseDouble) -> None:
    """Where signing in is out of order or out of reach nothing was sent."""
    double.sign_in_status = 503
    assert type(await failure(channel)) is NeverSent
    del double.hosts["oauth2.googleapis.com"]
    assert type(await failure(channel)) is NeverSent
    assert double.calls == []


async def test_only_push(channel: Firebase, double: FirebaseDouble) -> None:
    """An email, and a push without an address that Firebase knows, are refused before anything is called."""
    mail = RenderedEmail("Your cart", "Still here", "<p>Dear Ada</p>", "Dear Ada")
    for wrong in (
        {"channel": "email", "rendered": mail},
        {"address": ""},
        {"address_kind": ""},
        {"address_kind": "apns"},
    ):
        assert type(await failure(channel, envelope(**wrong))) is Refused
    assert double.calls == []
    assert double.sign_ins == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"error": "x"}',
        b'{"error": {"details": {"x": 1}}}',
        b'{"error": {"details": [1, {"a": 1}]}}',
        b'{"error": {"status": 5, "message": [], "details": [{"@type": 1, "fieldViolations": [2, {"field": []}]}]}}',
        b"[" * 99999,
    ],
    ids=range(7),
)
def test_strange_answers(body: bytes) -> None:
    """An answer of any other shape says nothing, and blames no address."""
    answer = Answer(body)
    assert (answer.status, answer.code, answer.field, answer.blames_address) == ("", "", None, False)
