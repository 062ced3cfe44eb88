"""What the engine and its activities say to each other; both sides read these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from events import Event, Fact
from messages import Channel, FirstOf, Message

SEND = "send"
BEGIN = "begin"
PROFILE = "profile"
RECOMMEND = "recommend"
BEST_CHANNEL = "best_channel"
"""Names of the activities; workflow code never imports them."""
SILENCE = timedelta(minutes=15)
"""How long a provider's webhook may take to say what became of a message, before it is settled by its policy."""


class Pass(Fact):
    """One person's pass through one journey, named by its `entry` id, and the run that acts for it.

    `entry` and `entry_seq` are those of the event that opened it, `event` and `event_seq` of the one it begins with.
    """

    user: str
    journey: str
    key: str
    entry: str
    entry_seq: int
    event: str
    event_seq: int
    first_run: str
    quiet: bool = False
    """Whether the quiet condition is still to be judged."""
    skips_quiet: bool = False
    """Whether support has said that the quiet is over."""


class RecommendRequest(Fact):
    """What the person of a pass may like: up to `n` products."""

    walk: Pass
    n: int


class MessageRequest(Fact):
    """One message as it travels to the activity; events in `data` are written with their `type`."""

    channel: Channel
    template: str
    data: dict[str, Any] = Field(default_factory=dict)
    unless: tuple[str, ...] = ()


class SendRequest(Fact):
    """One step of one pass: a message, or several of which the first that reaches the person is sent."""

    walk: Pass
    """The pass; recorded histories know it under this name."""
    step: str
    occurrence: int
    messages: tuple[MessageRequest, ...]
    due: AwareDatetime | None = None
    """When the journey wanted it, however late a worker came to it; how old it is for its expiry."""
    withhold: str = ""
    """Why it is not to be sent, whatever else speaks for it; it is then only written down."""
    queue: Channel | None = None
    """The channel whose queue, and so whose rate, the request came through."""


class Answer(Fact):
    """What an activity found.

    `begun`: the quiet is over and the journey may act. `not_quiet`: it is not, wait until `until` and begin with `event`.
    `ended`: a goal came first, or `where` no longer holds; `reason` says which. `held`: send again at `until`.
    `elsewhere`: send again through the queue of `channel`, which has a rate of its own.
    The others are what became of a message.
    """

    status: Literal["begun", "not_quiet", "ended", "held", "elsewhere", "accepted", "withheld", "refused", "unknown"]
    channel: Channel | None = None
    reason: str = ""
    until: AwareDatetime | None = None
    event: dict[str, Any] | None = None
    zone: str | None = None


def requested(message: Message | FirstOf) -> tuple[MessageRequest, ...]:
    """The messages of a send, in order of preference."""
    each = message.messages if isinstance(message, FirstOf) else (message,)
    # Several channels mostly tell of the same cart, and a run that waits holds what it asked for.
    plain = {id(value): _plain(value) for one in each for value in one.data.values() if value is not None}
    return tuple(
        MessageRequest(
            channel=one.channel,
            template=one.template,
            data={name: plain[id(value)] for name, value in one.data.items() if value is not None},
            unless=tuple(sorted(name for kind in one.unless for name in kind.kinds())),
        )
        for one in each
    )


def step_name(messages: tuple[MessageRequest, ...]) -> str:
    """How a step is called in the ledger and in Temporal: its channels and its template."""
    channels = "|".join(dict.fromkeys(one.channel for one in messages))
    return f"{channels} {'|'.join(dict.fromkeys(one.template for one in messages))}"


def _plain(value: object) -> object:
    if isinstance(value, Event):
        facts = value.model_dump(
            mode="json", exclude_defaults=True, exclude={"context", "seq", "event_id", "occurred_at"}
        )
        return {"type": value.event_name, **facts}
    if isinstance(value, tuple):
        return [product.model_dump(mode="json", exclude_defaults=True) for product in value]
    return value if isinstance(value, (str, int, bool, Mapping)) else str(value)
