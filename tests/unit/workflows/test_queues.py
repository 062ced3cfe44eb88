"""Through which queue a message is sent, and with what priority."""

from __future__ import annotations

import pytest

from messages import Channel
from tests.replay.test_histories import FILES, HISTORIES, failures, recorded
from workflows import queues
from workflows.queues import Queues, know, queue_name, queues_of
from workflows.requests import MessageRequest

KINDS: dict[tuple[Channel, str], str] = {
    ("email", "thanks"): "transactional",
    ("email", "help"): "service",
    ("push", "offer"): "marketing",
}


def asked(*messages: tuple[Channel, str]) -> tuple[MessageRequest, ...]:
    return tuple(MessageRequest(channel=channel, template=template) for channel, template in messages)


@pytest.mark.parametrize(
    ("limited", "channel"),
    [
        ((), None),
        (("webhook",), None),
        (("push",), "push"),
        (("email", "push"), "email"),
    ],
)
def test_channel(limited: tuple[Channel, ...], channel: Channel | None) -> None:
    """Of a choice it is the last channel that has a rate; none where no channel of it has one."""
    choice = asked(("in_app", "offer"), ("push", "offer"), ("email", "help"))
    assert Queues(frozenset(limited)).channel(choice) == channel


@pytest.mark.parametrize(
    ("messages", "key"),
    [
        ((("email", "thanks"),), 1),
        ((("email", "help"),), 2),
        ((("push", "offer"),), 3),
        ((("push", "offer"), ("email", "help")), 2),
        ((("push", "thanks"),), 3),
    ],
)
def test_priority(messages: tuple[tuple[Channel, str], ...], key: int) -> None:
    """Transactional before service before marketing; a choice goes as the most urgent of it, an unknown one last."""
    assert Queues(kinds=KINDS).priority(asked(*messages)).priority_key == key


def test_each_worker_knows_its_own() -> None:
    """What one task queue's worker knows says nothing about another's; without a worker nothing is limited."""
    know("shop-a", Queues(frozenset(["email"])))
    assert queues_of("shop-a").limited == {"email"}
    assert queues_of("shop-b").limited == frozenset()
    assert queue_name("shop-a", "email") == "shop-a-email"
    assert queue_name("shop-a", None) == "shop-a"


async def test_rates_come_and_go_under_running_journeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories from before a rate was set replay with it: queue and priority of an activity are not compared.

    Killed by: calling another activity, or none, because of what Queues says.
    """
    everything: Queues = Queues(frozenset(["email", "push", "in_app", "webhook"]), KINDS)
    monkeypatch.setattr(queues, "_UNKNOWN", everything)
    assert await failures(*((str(file.relative_to(HISTORIES)), recorded(file)) for file in FILES)) == {}
