"""Through which channel it is best to write to a person at this moment, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from messages import Channel

LEAST = 5
"""Messages that must have gone to the person by each of two channels in the last 90 days before we believe to know."""
CLEARLY = 1.5
"""How many times as often the person must answer by one of them."""


@dataclass(frozen=True)
class Answered:
    """How many messages went by a channel in the last 90 days, and how many of them were opened, clicked or tapped."""

    sent: int = 0
    answered: int = 0

    @property
    def share(self) -> float:
        """As if one more of four had been answered, so that of few messages little follows."""
        return (min(self.answered, self.sent) + 1) / (self.sent + 4)


@dataclass(frozen=True)
class Choice:
    """A channel, and the reason in words, without anything that tells who the person is."""

    channel: Channel
    reason: str


def choice(reach: Collection[Channel], answers: Mapping[Channel, Answered], *, on_mobile: bool) -> Choice:
    """In-app for who is there; by what the person answers to, where that is known; push on mobile; email for later.

    `reach` are the channels that could reach the person now, in-app only while they are there, and that they have not
    refused. Where none can, it is email: the send then says what speaks against it.
    """
    if "in_app" in reach:
        return Choice("in_app", "the person is there")
    if "push" in reach and "email" in reach:
        push, email = answers.get("push", Answered()), answers.get("email", Answered())
        if min(push.sent, email.sent) >= LEAST:
            told = f"answered {push.answered} of {push.sent} by push, {email.answered} of {email.sent} by email"
            if push.share >= email.share * CLEARLY:
                return Choice("push", told)
            if email.share >= push.share * CLEARLY:
                return Choice("email", told)
        return Choice("push", "last seen on mobile") if on_mobile else Choice("email", "not seen on mobile lately")
    if "push" in reach:
        return Choice("push", "email cannot reach the person")
    return Choice("email", "push cannot reach the person" if "email" in reach else "no channel can reach the person")
