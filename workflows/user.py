"""What a journey can do with the person it is about; the same verbs on Temporal and in a rehearsal."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, Protocol, TypeVar, overload

from pydantic import AwareDatetime

from events import Device, Event, Fact, Location, StoreDistance
from messages import Channel, FirstOf, Message

A = TypeVar("A", bound=Event)
B = TypeVar("B", bound=Event)
C = TypeVar("C", bound=Event)
D = TypeVar("D", bound=Event)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Unusable = Literal["skip", "end", "now"]
"""What `until` does with a date that is missing, no date, or past: go on without waiting, end the journey, or go on as if it were due."""


class Outcome(Fact):
    """What became of a message."""

    status: Literal["accepted", "withheld", "refused", "unknown"]
    channel: Channel | None = None
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether a provider has taken it."""
        return self.status == "accepted"


class Dated(Fact):
    """A date of the profile, by the trait that holds it; while `until` waits for it, it follows the trait's changes."""

    trait: str
    date: str | None = None


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

    def date(self, trait: str) -> Dated:
        """The date in that trait, to wait for; `until` follows its rule for unusable dates where there is none."""
        return next((dated for dated in self.dates if dated.trait == trait), Dated(trait=trait))


class User(Protocol):
    """The person a journey walks with."""

    @property
    def id(self) -> str:
        """Opaque; never an address or a phone number."""

    @property
    def device(self) -> Device:
        """The device of the newest event that the journey has seen."""

    @property
    def location(self) -> Location:
        """The place of the newest event that the journey has seen."""

    def near_store(self, km: float) -> StoreDistance | None:
        """The nearest store within `km` kilometres, if the person's place is known at least that exactly."""

    def variant(self, experiment: str, /, **arms: int) -> str:
        """The person's arm of an experiment; weights are relative, the arm is the same for ever."""

    def now(self) -> datetime:
        """The journey's clock, in the person's zone."""

    async def sleep(self, duration: timedelta, /) -> None:
        """Wait that long."""

    async def until(
        self,
        moment: time | date | datetime | str | Dated | None,
        /,
        *,
        weekdays: tuple[Weekday, ...] = (),
        unusable: Unusable = "skip",
    ) -> bool:
        """Wait for the person's own wall clock: the next such time, the start of that day, or that moment.

        Returns whether it waited for a usable moment. A date may be an ISO 8601 string; without a zone it is read in the person's.
        """

    @overload
    async def wait_for(self, a: type[A], /, *, within: timedelta) -> A | None: ...
    @overload
    async def wait_for(self, a: type[A], b: type[B], /, *, within: timedelta) -> A | B | None: ...
    @overload
    async def wait_for(self, a: type[A], b: type[B], c: type[C], /, *, within: timedelta) -> A | B | C | None: ...
    @overload
    async def wait_for(
        self, a: type[A], b: type[B], c: type[C], d: type[D], /, *, within: timedelta
    ) -> A | B | C | D | None:
        """The first event of these kinds since the journey began that was not taken yet; None when `within` has passed."""

    async def send(self, message: Message | FirstOf, /) -> Outcome:
        """Send it if nothing speaks against it; a held message is waited for. Never raises for a business reason."""

    async def profile(self) -> Profile:
        """Who the person is at this moment; an explicit read."""
