"""What the engine and its activities say to each other; both sides read these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from events import Event, Fact
from messages import Channel, FirstOf, Message

SEND = "send"
BEGIN = "begin"
PROFILE = "profile"
"""Names of the activities; workflow code never imports them."""


class Pass(Fact):
    """Which pass of which person through which journey acts; `quiet_since` is set until the journey has begun."""

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


class MessageRequest(Fact):
    """One message as it travels to the activity; events in `data` are written with their `type`."""

    channel: Channel
    template: str
    data: dict[str, Any] = Field(default_factory=dict)
    unless: tuple[str, ...] = ()


class SendRequest(Fact):
    """One step of one pass: a message, or several of which the first that reaches the person is sent."""

    walk: Pass
    step: str
    occurrence: int
    messages: tuple[MessageRequest, ...]


class Answer(Fact):
    """What an activity found.

    `begun`: the quiet is over and the journey may act. `not_quiet`: it is not, wait until `until` and begin with `event`.
    `ended`: a goal (`event`) came first, or `where` no longer holds (`reason`). `held`: send again at `until`.
    The others are what became of a message.
    """

    status: Literal["begun", "not_quiet", "ended", "held", "accepted", "withheld", "refused", "unknown"]
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
    return value if isinstance(value, (str, int, bool, Mapping)) else str(value)
