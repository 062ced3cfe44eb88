"""How a journey asks what to recommend and where to write: seen when it is loaded, asked for once, kept when it continues."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from profiles.habits import best_channel
from rehearsal.run import Run
from tests.stage import EXTRA
from workflows.catalogue import Catalogue
from workflows.profile import Did

NOW = datetime(2026, 3, 2, 13, tzinfo=UTC)
PICKS = [{"product_id": "lamp", "name": "Lamp", "price": "12.50", "currency": "EUR"}]


def given(**carried: Any) -> dict[str, Any]:
    event = {"type": "File Downloaded", "event_id": "e-1", "occurred_at": "2026-03-02T12:00:00Z", "seq": 7}
    return {"user": "u-1", "entry": "e-1", "entry_seq": 7, "event": event | {"file_name": "advised"}} | (
        {"carried": carried} if carried else {}
    )


def test_every_channel_is_checked() -> None:
    """Of a message whose channel is asked for, the templates of all three have to be there; of one that says it, that one.

    Killed by: leaving `message` out of the catalogue.
    """
    assert EXTRA in sys.path
    told = Catalogue.load()["advised"].messages
    assert set(told) == {(channel, "onboarding/first_look") for channel in ("in_app", "push", "email")}


async def test_asked_once() -> None:
    """Each question is one activity with the pass alone; what it answers goes into the message as JSON.

    Killed by: more than the pass in the request, or the products as text.
    """
    run = Run("advised", given(), NOW)
    run.begin()
    answers: list[Any] = [{"user_id": "u-1"}, {"products": PICKS}, {"channel": "push", "reason": "last seen on mobile"}]
    for name, answer in zip(("profile", "recommend", "best_channel"), answers, strict=True):
        ((seq, asked),) = run.activities.items()
        assert asked.name == name
        walk = asked.argument["walk"] if name == "recommend" else asked.argument
        assert set(walk) <= {"user", "journey", "key", "entry", "entry_seq", "event", "event_seq", "first_run"}
        if name == "recommend":
            assert asked.argument["n"] == 2
        run.resolve(seq, answer)
    (send,) = run.activities.values()
    assert [each["channel"] for each in send.argument["messages"]] == ["push", "email"]
    assert send.argument["messages"][0]["data"] == {"picks": PICKS}
    run.evict()


async def test_kept() -> None:
    """A run that has continued takes products and channel from its journal, and asks nobody again.

    Killed by: leaving `_answered` out of either verb.
    """
    at = NOW.isoformat()
    journal = [
        {"verb": "profile", "profile": {"user_id": "u-1"}, "at": at},
        {"verb": "recommend", "products": PICKS, "at": at},
        {"verb": "best_channel", "channel": "in_app", "at": at},
    ]
    run = Run("advised", given(begun=True, journal=journal), NOW)
    run.begin()
    (send,) = run.activities.values()
    assert send.name == "send"
    assert send.argument["messages"][0] == {
        "channel": "in_app",
        "template": "onboarding/first_look",
        "data": {"picks": PICKS},
    }
    run.evict()


def test_taps_count() -> None:
    """A push that was tapped is an answer, as a click is.

    Killed by: leaving PushTapped out of ANSWERS.
    """
    assert best_channel([Did(event="Push Notification Tapped", count=1, quarter=1)]) == "push"
