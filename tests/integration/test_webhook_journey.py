"""A journey calls another program, through the shipped worker and ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.channels.endpoints import read_endpoints
from activities.channels.webhook import Webhooks
from stack import TemporalServer
from storage.consents import EVERY, consent
from storage.ledger import kept
from tests.door import somebody
from tests.doubles.webhook import ACCEPT, CUT_AFTER_ACCEPT, ERROR_AFTER_ACCEPT, SERVER_ERROR, WebhookDouble, answer
from tests.integration.test_webhook import SECRET
from tests.servers import wait_until
from tests.stage import Stage, staged

pytestmark = pytest.mark.server


@pytest.fixture
async def double() -> AsyncIterator[WebhookDouble]:
    async with WebhookDouble(SECRET) as double:
        yield double


@pytest.fixture
async def calling(
    temporal: TemporalServer,
    database_url: str,
    tmp_path: Path,
    double: WebhookDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stage]:
    """The whole system, with one endpoint."""
    monkeypatch.setenv("no_proxy", "*")
    channel = Webhooks(read_endpoints(f"crm={double.url}", SECRET))
    async with staged(database_url, temporal.address, tmp_path, providers={"webhook": channel}) as stage:
        yield stage
    await channel.close()


async def test_told_once(calling: Stage, double: WebhookDouble) -> None:
    """The receiver learns of the person by the template's words alone, once, and the ledger says that it has."""
    user = somebody()
    await calling.knows(user)
    await calling.happens(calling.event(user, "File Downloaded", file_name="tagger"))
    account = await calling.result("tagger", user)
    assert len(account["sent"]) == 1
    assert account["sent"][0].endswith("webhook crm/tagged")
    (line,) = await calling.sends(user)
    assert (line.channel, line.status, line.provider, line.kind, line.topic) == (
        *("webhook", "accepted", "webhook", "service", "crm"),
    )
    (call,) = double.calls
    assert call.id == line.send_key
    assert call.payload["type"] == "crm.tagged"
    assert call.payload["data"] == {
        "user_id": user,
        "journey": "tagger",
        "external_id": user,
        "tag": "downloaded",
        "cart": {"id": None, "value": None, "currency": None, "products": []},
    }


async def test_until_it_is_taken(calling: Stage, double: WebhookDouble) -> None:
    """B4: what failed, was cut, or may have arrived is called again under the same id until the receiver says that it has it.

    Killed by: raising InDoubt for a broken call in Webhooks._post, which leaves the message unknown.
    """
    user = somebody()
    await calling.knows(user)
    double.script(SERVER_ERROR, ERROR_AFTER_ACCEPT, answer(503, retry_after="1"), CUT_AFTER_ACCEPT, ACCEPT)
    await calling.happens(calling.event(user, "File Downloaded", file_name="tagger"))
    await wait_until(lambda: len(double.calls) == 5, 40)
    await calling.result("tagger", user)
    (line,) = await calling.sends(user)
    assert line.status == "accepted"
    assert {call.id for call in double.calls} == {line.send_key}
    # The receiver drops what it has seen: the person counts once, however often the call came.
    assert double.accepted == {line.send_key: 3}
    assert len({call.payload["timestamp"] for call in double.calls}) == 1


async def test_not_wanted(calling: Stage, double: WebhookDouble) -> None:
    """B6: a call that the receiver refuses is not made again, and the journey goes on with that as its outcome."""
    user = somebody()
    await calling.knows(user)
    double.script(answer(422))
    await calling.happens(calling.event(user, "File Downloaded", file_name="tagger"))
    account = await calling.result("tagger", user)
    assert account["outcome"] == "went to its end"
    assert "The endpoint crm answered 422" in account["unsent"][0]
    assert len(double.calls) == 1


async def test_who_wants_no_messages(calling: Stage, double: WebhookDouble) -> None:
    """Consent is about what reaches a person: a program is told of them also in quiet hours and after they unsubscribed.

    Killed by: judging consent for webhooks in Reach as for messages.
    """
    user = somebody()
    await calling.knows(user)
    await consent(calling.database, user, EVERY, EVERY, given=False, reason="asked by phone", now=datetime.now(UTC))
    await calling.happens(calling.event(user, "File Downloaded", file_name="tagger"))
    await calling.result("tagger", user)
    assert len(double.calls) == 1


async def test_without_endpoints(stage: Stage) -> None:
    """While no endpoint is set a call stays in the outbox, to be read there."""
    user = somebody()
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="tagger"))
    await stage.result("tagger", user)
    async with stage.database.read() as connection:
        (row,) = await kept(connection, user_id=user)
    assert row.channel == "webhook"
    assert row.rendered["data"]["tag"] == "downloaded"
