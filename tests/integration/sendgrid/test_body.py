"""What we send is what SendGrid's description of mail/send allows."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from activities.channels.sendgrid import SendGrid
from tests.doubles.sendgrid import MAIL_SEND, SendGridDouble
from tests.mailing import ADDRESS, LINK, body_of, envelope

OFFICIAL = Path(__file__).parents[4] / "shared" / "data" / "sendgrid-mail-v3.openapi.json"


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


@pytest.mark.parametrize("changes", [{"kind": "transactional"}, {"unsubscribe_url": ""}])
async def test_no_unsubscribe(channel: SendGrid, double: SendGridDouble, changes: dict[str, Any]) -> None:
    """One-click unsubscribe is not offered on what is transactional, nor without somewhere to click."""
    assert "headers" not in await body_of(channel, double, replace(envelope(), **changes))


async def test_unsubscribe_from_service(channel: SendGrid, double: SendGridDouble) -> None:
    """A service message has a topic that one can leave, and so the same two headers as marketing."""
    body = await body_of(channel, double, replace(envelope(), kind="service"))
    assert set(body["headers"]) == {"List-Unsubscribe", "List-Unsubscribe-Post"}


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
            body = await body_of(channel, double, replace(envelope(), kind=kind, unsubscribe_url=url))
            assert [error.message for error in validator.iter_errors(body)] == []


@pytest.mark.parametrize("schema", [ours, official])
@pytest.mark.parametrize("mistake", MISTAKES)
async def test_schema_sees(channel: SendGrid, double: SendGridDouble, schema: Any, mistake: str) -> None:
    """Each planted mistake is seen, so that a body without a finding means something."""
    validator = schema()
    body = deepcopy(await body_of(channel, double, envelope()))
    assert not validator.is_valid(body | MISTAKES[mistake])
