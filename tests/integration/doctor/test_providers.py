"""What the doctor says of a SendGrid or a Firebase that does not know us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from settings import Settings
from tests.doctoring import World, only, seen
from tests.doubles.google import Reply, reply

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply(401, {}), "does not know the key"),
        (reply(403, {}), "does not know the key"),
        (reply(200, {"scopes": ["user.profile.read"]}), "may not send mail"),
        (reply(500, {}), "answered 500"),
        (reply(200, "no json"), "not understood"),
        (None, "not reached"),
    ],
    ids=["unknown", "forbidden", "may not send", "ill", "no json", "cut"],
)
async def test_sendgrid(settings: Settings, world: World, answer: Reply | None, says: str) -> None:
    """A key that SendGrid does not know or that may not send, and a SendGrid that cannot be asked."""
    world.answers["/v3/scopes"] = answer
    assert says in await only(settings, "SendGrid", "broken")


@pytest.mark.parametrize("key", ["SG.revoked", "SG.\nhunter2", "SG.ä"])
async def test_another_key(settings: Settings, key: str) -> None:
    """A key that is none is told, and not repeated."""
    found = await seen(settings, sendgrid_api_key=settings.secret.__class__(key))
    assert [each.mark for each in found["SendGrid"]] == ["broken"]
    assert "SG." not in str(found)


@pytest.mark.parametrize(
    ("senders", "domains", "mark", "says"),
    [
        (reply(200, {"results": []}), reply(200, []), "broken", "is no verified sender"),
        (
            reply(200, {"results": [{"from_email": "hello@mail.shop.example", "verified": False}]}),
            reply(200, [{"domain": "shop.example", "valid": False}, {"domain": "op.example", "valid": True}]),
            "broken",
            "is no verified sender",
        ),
        (
            reply(200, {"results": [{"from_email": "Hello@mail.shop.example", "verified": True}]}),
            reply(200, []),
            "warning",
            "its domain is not authenticated",
        ),
        (reply(403, {}), reply(403, {}), "warning", "may not ask"),
    ],
    ids=["none", "not yet", "sender only", "forbidden"],
)
async def test_sender(settings: Settings, world: World, senders: Reply, domains: Reply, mark: str, says: str) -> None:
    """A sender that SendGrid would refuse, or mailbox providers would trust less."""
    world.answers |= {"/v3/verified_senders": senders, "/v3/whitelabel/domains": domains}
    assert says in await only(settings, "Sender", mark)


async def test_no_webhooks(settings: Settings) -> None:
    """Without a key for SendGrid's webhooks it is said what is not heard of."""
    assert "SENDGRID_WEBHOOK_KEY" in await only(settings, "SendGrid's webhooks", "warning", sendgrid_webhook_key="")


async def test_firebase(settings: Settings, world: World, tmp_path: Path) -> None:
    """A key file that is missing or broken, an account that Google does not know, and a Google that cannot be reached."""
    path = tmp_path / "other.json"
    assert "cannot be read" in await only(settings, "Firebase", "broken", firebase_credentials=str(path))
    path.write_text("hunter2")
    assert "not JSON" in await only(settings, "Firebase", "broken", firebase_credentials=str(path))
    path.write_text(json.dumps({"type": "service_account", "private_key": "hunter2"}))
    assert "has no project_id" in await only(settings, "Firebase", "broken", firebase_credentials=str(path))
    world.google.key_file(tmp_path, private_key="hunter2")
    assert "did not take" in await only(settings, "Firebase", "broken")
    world.google.key_file(tmp_path)
    world.google.sign_in_status = 400
    assert "RefreshError" in await only(settings, "Firebase", "broken")
