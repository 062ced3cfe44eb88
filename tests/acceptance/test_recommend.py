"""A journey that recommends: one recorded question each, the template's own list, and the way the person reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from profiles.learning import learned
from storage.ledger import kept
from storage.models import publish
from storage.products import Offer, put_offers
from tests.shopping import doings, line
from tests.stage import Stage, kinds
from worker import runner
from workflows.host import Host


async def learn(stage: Stage, *offers: Offer) -> None:
    """Publish what the shop of tests.shopping teaches, and put these into the catalogue."""
    now = datetime.now(UTC)
    async with stage.database.write() as connection:
        await publish(connection, learned(doings(now), now).packed(), now)
        await put_offers(stage.database, connection, offers)


async def walked(stage: Stage, user: str) -> dict[str, Any]:
    """Somebody who has looked at tents, in the journey that recommends, to its end."""
    await stage.knows(user)
    await stage.take(stage.event(user, "Product Viewed", **line("tent", "Tents")))
    await stage.happens(stage.event(user, "File Downloaded", file_name="advised"))
    account: dict[str, Any] = await stage.result("advised", user)
    return account


async def test_recommends(stage: Stage, user: str) -> None:
    """A journey asks what to recommend and where, and goes on with the answers; its story says why there.

    Killed by: leaving `recommend` or `best_channel` out of the worker, or the reason out of the story.
    """
    lamp = Offer("lamp", "A <lamp>", "Tents", None, None, None, "https://shop.example.com/lamp")
    await learn(stage, lamp, Offer("stove", "A stove", stock=0))
    account = await walked(stage, user)
    lines = [each for each in await stage.sends(user) if each.journey == "advised"]
    assert kinds(lines) == ["in_app onboarding/first_look"]
    assert any("best channel in_app: the person is there" in each for each in account["story"])


async def test_nothing_learned(stage: Stage, user: str) -> None:
    """Before the first training the list is empty, the journey goes on, and so does a template that asks for it.

    Killed by: anything but an empty list without a model.
    """
    account = await walked(stage, user)
    assert account["outcome"] == "went to its end"
    assert [each for each in await stage.sends(user) if each.journey == "advised"] == []


async def test_replays(stage: Stage, user: str) -> None:
    """T5, H6: its history replays whatever is published later, and holds products and reasons, nothing of the person.

    Killed by: asking the model in the workflow, or the person's traits in what is answered.
    """
    await learn(stage)
    await walked(stage, user)
    history = await stage.handle("advised", user).fetch_history()
    await learn(stage, Offer("other", "Another thing"))
    result = await Replayer(workflows=[Host], workflow_runner=runner()).replay_workflow(
        WorkflowHistory.from_json("advised", history.to_json_dict()), raise_on_replay_failure=False
    )
    assert result.replay_failure is None
    asked = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert asked == ["profile", "recommend", "best_channel", "send"]
    payloads = " ".join(str(event) for event in history.events)
    assert "lamp" in payloads or "stove" in payloads
    assert "example.com" not in json.dumps(payloads).replace("shop.example.com", "").replace("cdn.example.com", "")


async def test_shown(stage: Stage, user: str) -> None:
    """H1: who wants nothing in the app is written to by email; it lists what is sold, escaped, at its price of that moment.

    Killed by: leaving `recommendations` out of Drafting.draft, or the refusal out of Reach.open_to.
    """
    lamp = Offer("lamp", "A <lamp>", "Tents", None, Decimal("12.50"), "EUR", "https://shop.example.com/lamp?a=1&b=2")
    await learn(stage, lamp, Offer("stove", "A stove", stock=0))
    await stage.take(stage.event(user, "Unsubscribed", channel="in_app"))
    await walked(stage, user)
    async with stage.database.read() as connection:
        (mail,) = await kept(connection, user_id=user)
    assert (mail.channel, mail.template) == ("email", "onboarding/first_look")
    assert "A &lt;lamp&gt;" in mail.rendered["html"]
    assert "€12.50" in mail.rendered["html"]
    assert "A <lamp>" in mail.rendered["text"]
    assert "A stove" not in mail.rendered["html"]
