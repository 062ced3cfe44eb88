"""Pushes for tests: what is sent, and what became of it where it failed."""

from __future__ import annotations

from typing import Any

import pytest

from activities.channels.envelope import Envelope
from activities.channels.firebase import Firebase
from errors import ProviderError
from messages import RenderedCard

TOKEN = "dQw4w9WgXcQ_canary-0ab:APA91bCanaryToken"
FID = "dCanaryFid_0123456789-"
TITLE = "Dear Ada Canary"


def envelope(send_key: str = "key-1", **changes: Any) -> Envelope:
    """A push to Ada; `changes` are fields."""
    fields: dict[str, Any] = {
        "send_key": send_key,
        "user_id": "u-42",
        "channel": "push",
        "template": "cart/still_here",
        "topic": "cart_reminders",
        "kind": "marketing",
        "rendered": RenderedCard(TITLE, "Still here", link="https://shop.example/cart/canary"),
        "address": TOKEN,
        "address_kind": "token",
    }
    return Envelope(**(fields | changes))


async def failure(channel: Firebase, what: Envelope | None = None) -> ProviderError:
    """How it failed."""
    with pytest.raises(ProviderError) as caught:
        await channel.send(what or envelope())
    return caught.value
