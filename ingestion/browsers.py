"""What an event may say that was sent with a key anybody can read in a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from errors import EventNotPermitted
from events import Subscribed, Unsubscribed

from .incoming import Incoming

ADDRESSES = frozenset({"email", "phone"})
"""Traits that say where messages go: with them somebody could have another's messages sent to themselves."""
PUSH = ("fid", "token")
"""The same of a device."""
CONSENT = frozenset({Subscribed.event_name, Unsubscribed.event_name})
"""What only the person may say, or a backend that has heard it from them."""


def limited(message: Incoming) -> tuple[Incoming, Sequence[str]]:
    """The event without what such a key may not say, and the names of the fields left out; EventNotPermitted if that is all."""
    if message.name in CONSENT:
        raise EventNotPermitted(
            f"event: {message.name!r} cannot be told with the key of a page; send it from your backend with a write key, "
            "or let the person choose on the preference page."
        )
    left_out = [f"traits.{name}" for name in message.traits if name.lower() in ADDRESSES]
    traits = {name: value for name, value in message.traits.items() if name.lower() not in ADDRESSES}
    context = dict(message.context)
    device = context.get("device")
    if isinstance(device, Mapping) and not device.keys().isdisjoint(PUSH):
        left_out += [f"context.device.{name}" for name in PUSH if name in device]
        context["device"] = {name: value for name, value in device.items() if name not in PUSH}
    if message.ip:
        left_out.append("context.ip")  # the connection tells where a browser is
    return (replace(message, traits=traits, context=context, ip=None), left_out) if left_out else (message, ())
