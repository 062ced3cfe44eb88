"""What a journey, a condition or a segment may know about a person."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from events import Event, Fact
from messages import Channel

DeviceKind = Literal["mobile", "tablet", "desktop", "tv", "console"]
EngagementLevel = Literal["none", "low", "medium", "high"]


class Dated(Fact):
    """A date of the profile, by the trait that holds it; while `until` waits for it, it follows the trait's changes."""

    trait: str
    date: str | None = None


class Did(Fact):
    """How often a person did something, ever and lately, and when last; a day is 24 hours."""

    event: str = ""
    count: int = 0
    week: int = 0
    """In the last 7 days."""
    month: int = 0
    """In the last 30 days."""
    quarter: int = 0
    """In the last 90 days."""
    last_at: AwareDatetime | None = None


class Scores(Fact):
    """The person among all buyers, from 1 to 5; 0 for who has never bought, and until the scores are first computed."""

    recency: int = 0
    frequency: int = 0
    monetary: int = 0


class Affinity(Fact):
    """A category of products, and which part of the person's interest is in it, 0 to 1."""

    category: str
    share: float


class Consent(Fact):
    """The person's last word on a topic of a channel; `*` is every one."""

    channel: str
    topic: str
    given: bool


class Profile(Fact):
    """Who the person is, without anything that tells who: fit to enter Temporal. Money is in `currency`."""

    user_id: str
    language: str | None = None
    country: str | None = None
    zone: str | None = None
    created_at: AwareDatetime | None = None
    last_seen_at: AwareDatetime | None = None
    last_order_at: AwareDatetime | None = None
    orders: int = 0
    spent: Decimal = Decimal(0)
    currency: str | None = None
    profile_complete: bool = False
    favourite_category: str | None = None
    channels: tuple[Channel, ...] = ()
    """Channels that could reach the person now: an address or a token is there and nothing forbids its use."""
    segments: frozenset[str] = frozenset()
    dates: tuple[Dated, ...] = ()
    """Dates that the settings allow journeys to see, such as the end of a trial."""
    traits: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """In a condition or a segment every plain trait, in a journey those that the settings allow."""
    behaviour: tuple[Did, ...] = ()
    """Each kind of event that the person ever sent, by name."""
    scores: Scores = Scores()
    engagement: int = 0
    """How busy the person is with the shop, 0 to 99."""
    affinities: tuple[Affinity, ...] = ()
    """The five categories of most interest, the first of them first."""
    browses_on: DeviceKind | None = None
    buys_on: DeviceKind | None = None
    best_channel: Channel | None = None
    """Where the person answers to messages most; None while too little is known."""
    best_hour: int | None = None
    """The hour of their own day, 0 to 23, at which the person is mostly there; None while too little is known."""
    consent: tuple[Consent, ...] = ()
    buy_probability: float | None = None
    """Of an order within 14 days, 0 to 1; None before a training that has found out about it, and in a condition."""
    next_category: str | None = None
    """The most likely category of the next order; None as above, and for who has done nothing with any product."""

    def date(self, trait: str) -> Dated:
        """The date in that trait, to wait for; `until` follows its rule for unusable dates where there is none."""
        return next((dated for dated in self.dates if dated.trait == trait), Dated(trait=trait))

    def trait(self, name: str) -> str | int | float | bool | None:
        """The value of a plain trait; None where the person has none, and in a journey where the settings do not allow it."""
        return self.traits.get(name)

    def did(self, kind: type[Event]) -> Did:
        """What the person did of this kind, or of all kinds of this group of events; zeros for never."""
        found = [did for did in self.behaviour if did.event in kind.kinds()]
        return Did(
            event=kind.event_name,
            count=sum(did.count for did in found),
            week=sum(did.week for did in found),
            month=sum(did.month for did in found),
            quarter=sum(did.quarter for did in found),
            last_at=max((did.last_at for did in found if did.last_at), default=None),
        )

    @property
    def engagement_level(self) -> EngagementLevel:
        """`none` is 0, `low` 1 to 29, `medium` 30 to 59, `high` 60 and more."""
        if self.engagement == 0:
            return "none"
        return "low" if self.engagement < 30 else "medium" if self.engagement < 60 else "high"
