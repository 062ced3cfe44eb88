"""A SendGrid channel and a message for it, for tests of what becomes of one call."""

from __future__ import annotations

from typing import Any

import pytest

from activities.channels.envelope import Envelope
from activities.channels.sendgrid import SendGrid
from errors import ProviderError
from messages import RenderedEmail
from tests.doubles.sendgrid import SendGridDouble

KEY = "SG.double"
ADDRESS = "ada@example.org"
LINK = "https://shop.example/u/token-of-ada"


def sendgrid_at(host: str, *, key: str = KEY, threads: int = 16, call_timeout: float = 10.0) -> SendGrid:
    """The shipped channel, calling that host."""
    return SendGrid(
        key,
        sender=("shop@example.com", "The Shop"),
        reply_to="help@example.com",
        host=host,
        threads=threads,
        call_timeout=call_timeout,
    )


def envelope(send_key: str = "key-1") -> Envelope:
    """A marketing message to one person."""
    return Envelope(
        send_key=send_key,
        user_id="u-42",
        channel="email",
        template="cart/last_call",
        topic="cart reminders",
        kind="marketing",
        rendered=RenderedEmail("Your cart", "Still here", "<p>Dear Ada</p>", "Dear Ada"),
        address=ADDRESS,
        unsubscribe_url=LINK,
    )


async def failure(channel: SendGrid, what: Envelope | None = None) -> ProviderError:
    """The error that a send ends with."""
    with pytest.raises(ProviderError) as caught:
        await channel.send(what or envelope())
    return caught.value


async def body_of(channel: SendGrid, double: SendGridDouble, what: Envelope) -> dict[str, Any]:
    """The body that the double has got for this message."""
    await channel.send(what)
    body = double.calls[-1].body
    assert body is not None
    return body
