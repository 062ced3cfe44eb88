"""What a channel is given to send, and what every channel can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from messages import Channel, Rendered

MessageKind = Literal["transactional", "service", "marketing"]


@dataclass(frozen=True)
class Envelope:
    """One message, ready to be handed to a provider.

    Only `address`, `rendered` and `unsubscribe_url` are personal; none is ever logged.
    """

    send_key: str
    user_id: str
    channel: Channel
    template: str
    topic: str
    kind: MessageKind
    rendered: Rendered = field(repr=False)
    address: str = field(default="", repr=False)
    """Email address or push address; empty for in-app."""
    address_kind: str = ""
    """For push: `token` (a registration token) or `fid` (a Firebase installation id)."""
    valid_for: timedelta | None = None
    """How much longer the message makes sense; None for as long as it takes."""
    unsubscribe_url: str = field(default="", repr=False)
    """Where one click unsubscribes this person from this topic (RFC 8058); empty where that is not offered."""


class Provider(Protocol):
    """One way a message can take."""

    name: str

    async def send(self, envelope: Envelope) -> str:
        """Hand it over within 10 seconds; returns the provider's id for it.

        Raises one of the ProviderErrors of errors.py, and nothing else.
        """
