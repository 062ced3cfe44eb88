"""What a journey may declare about itself."""

from __future__ import annotations

from typing import Any

import pytest

from errors import JourneyError
from events import SignedUp
from workflows import User, journey
from workflows.definition import Journey


def declared(**arguments: Any) -> Journey[SignedUp]:
    @journey(starts_on=SignedUp, **arguments)
    async def greeting(user: User, sign_up: SignedUp) -> None:
        """Say hello."""

    return greeting


@pytest.mark.parametrize("rule", ["send", "skip", "spread"])
def test_when_resumed(rule: str) -> None:
    """A journey says what becomes of messages that were due while it was paused; they are sent if it says nothing."""
    assert declared(when_resumed=rule).when_resumed == rule
    assert declared().when_resumed == "send"


def test_no_such_rule() -> None:
    """Another rule is refused when the journey is loaded, with those that there are."""
    with pytest.raises(
        JourneyError, match='greeting: when_resumed=\'wait\' is no rule; write "send" or "skip" or "spread"'
    ):
        declared(when_resumed="wait")
