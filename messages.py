"""What a journey may say, and through which channel."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from events import Event, Product

Channel = Literal["email", "push", "in_app", "webhook"]
Data = Event | str | int | bool | Decimal | tuple[Product, ...] | None
"""What a template may be given beside the person: facts and plain values."""


@dataclass(frozen=True)
class Message:
    """One message through one channel; `template` is its file below `templates/<channel>/`, without language and ending."""

    channel: Channel
    template: str
    data: dict[str, Data]
    unless: tuple[type[Event], ...] = ()
    """Kinds of event that make it pointless; judged in the transaction that claims the send."""


@dataclass(frozen=True)
class FirstOf:
    """Messages in order of preference; the first whose channel reaches the person is sent."""

    messages: tuple[Message, ...]


def email(template: str, *, unless: tuple[type[Event], ...] = (), **data: Data) -> Message:
    """An email."""
    return Message("email", template, data, unless)


def push(template: str, *, unless: tuple[type[Event], ...] = (), **data: Data) -> Message:
    """A push notification; withheld where the person has no token."""
    return Message("push", template, data, unless)


def in_app(template: str, *, unless: tuple[type[Event], ...] = (), **data: Data) -> Message:
    """A message inside the site or app; withheld where the person is not there just now."""
    return Message("in_app", template, data, unless)


def webhook(template: str, *, unless: tuple[type[Event], ...] = (), **data: Data) -> Message:
    """A call to another program; the first part of `template` names its endpoint, `crm` in "crm/tagged"."""
    return Message("webhook", template, data, unless)


def message(template: str, *, channel: Channel, unless: tuple[type[Event], ...] = (), **data: Data) -> Message:
    """The same through a channel that the journey has asked for: `channel=await user.best_channel()`."""
    return Message(channel, template, data, unless)


def first_of(first: Message, *others: Message) -> FirstOf:
    """One message by the first channel that reaches the person; the choice is made when it is sent."""
    return FirstOf((first, *others))


@dataclass(frozen=True)
class RenderedEmail:
    """An email as it will look; `text` is the plain part."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True)
class RenderedCard:
    """A push notification or in-app message as it will look; `link` is where a tap leads, `action` what the button says."""

    title: str
    body: str
    link: str = ""
    action: str = ""
    image: str = ""


@dataclass(frozen=True)
class RenderedCall:
    """What another program is told: a JSON object."""

    data: dict[str, Any]


Rendered = RenderedEmail | RenderedCard | RenderedCall
