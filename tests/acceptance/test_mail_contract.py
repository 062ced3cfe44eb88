"""What every email keeps to, whichever template and language it is made of, as SendGrid gets it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from activities.channels.sendgrid import SendGrid
from activities.guard import Moments
from activities.rendering import Templates
from activities.send import Sender
from settings import ROOT, Settings
from tests.door import Door, opened_door, said, somebody
from tests.doubles.sendgrid import SendGridDouble
from tests.visiting import Links, links_of
from worker import sender_of
from workflows.catalogue import Catalogue
from workflows.requests import Answer, MessageRequest, Pass, SendRequest

PUBLIC = "https://mail.example.com"
TEMPLATES = Templates(ROOT / "templates", shop=Settings().shop)
EVERY = [(name, language) for name in TEMPLATES.names("email") for language in TEMPLATES.languages("email", name)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def double() -> AsyncIterator[SendGridDouble]:
    async with SendGridDouble() as double:
        yield double


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    async with opened_door(f"sqlite:///{tmp_path_factory.mktemp('door') / 'journeyman.db'}") as door:
        yield door


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sender(door: Door, double: SendGridDouble) -> AsyncIterator[Sender]:
    """The shipped activities, with email going out through the double."""
    channel = SendGrid(double.api_key, sender=("hello@example.com", "Shop"), reply_to=None, host=double.url)
    settings = Settings(quiet_hours="", caps="", secret=SecretStr("secret"), public_url=PUBLIC)
    yield sender_of(settings, door.database, Catalogue.load(), {"email": channel})
    await channel.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def links(door: Door) -> AsyncIterator[Links]:
    async with links_of(door.database, door.acceptor) as links:
        yield links


async def send(sender: Sender, user: str, template: str, number: int = 1) -> Answer:
    """One step of a journey that says this by email; each number is a pass of its own."""
    entry = f"{user}-{template}-{number}"
    walk = Pass(
        user=user, journey="onboarding", key="", entry=entry, entry_seq=0, event=entry, event_seq=0, first_run="r"
    )
    request = SendRequest(
        walk=walk,
        step=f"email {template}",
        occurrence=1,
        messages=(MessageRequest(channel="email", template=template),),
    )
    return await sender.perform(request, Moments(datetime.now(UTC), datetime.now(UTC)))


def parts_of(double: SendGridDouble) -> tuple[dict[str, Any], dict[str, str]]:
    """The last mail, and its parts by type."""
    body = double.calls[-1].body
    assert body is not None
    return body, {part["type"]: part["value"] for part in body["content"]}


@pytest.mark.parametrize(("template", "language"), EVERY)
async def test_contract(
    sender: Sender, door: Door, double: SendGridDouble, links: Links, template: str, language: str
) -> None:
    """T17: every email has a plain part before the HTML one, and the shop's postal address in both; one that can be left names the
    way out in both headers of RFC 8058 and in both parts, and within a second of the POST nothing of its topic is sent any more.

    Killed by: leaving the headers off service mail, or the footer out of the layout.
    """
    user = somebody()
    await door.take(said(user, "Identified", traits={"email": f"{user}@example.com", "language": language}))
    assert (await send(sender, user, template)).status == "accepted"
    mail, parts = parts_of(double)
    assert [part["type"] for part in mail["content"]] == ["text/plain", "text/html"]
    assert len(parts["text/plain"].split()) > 25
    for part in parts.values():
        assert Settings().postal_address in part
    details = TEMPLATES.details("email", template)
    if details.kind == "transactional":
        assert "headers" not in mail
        assert not any("/unsubscribe/" in part for part in parts.values())
        return
    address = f"{PUBLIC}{links.to_leave(user, 'email', details.topic)}"
    assert mail["headers"] == {
        "List-Unsubscribe": f"<{address}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert all(address in part for part in parts.values())

    answer = await links.http.post(address.removeprefix(PUBLIC), data={"List-Unsubscribe": "One-Click"})
    answered = time.monotonic()
    assert answer.status_code == 200
    assert (await send(sender, user, template, 2)).status == "withheld"
    assert time.monotonic() - answered < 1
    assert mail is double.calls[-1].body


async def test_transactional_comes_anyway(sender: Sender, door: Door, double: SendGridDouble, links: Links) -> None:
    """What is transactional reaches also who wants nothing at all, and what is service does not."""
    user = somebody()
    await door.take(said(user, "Identified", traits={"email": f"{user}@example.com"}))
    await links.http.post(links.to_choose(user), data={"do": "nothing", "had": "email/carts"})
    assert (await send(sender, user, "post_purchase/thanks")).status == "accepted"
    assert (await send(sender, user, "post_purchase/help")).status == "withheld"
    mail, _ = parts_of(double)
    assert "post_purchase/thanks" in mail["categories"]
