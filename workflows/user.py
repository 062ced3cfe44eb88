"""What a journey can do with the person it is about; the same verbs on Temporal and in a rehearsal."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal, Protocol, TypeVar, overload

from events import Device, Event, Fact, Location, Recommended, StoreDistance
from messages import Channel, FirstOf, Message

from .profile import Dated, Profile

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

    def variant(self, experiment: str, /, *, group: str | None = None, **arms: int) -> str:
        """The person's arm of an experiment; weights are relative, and the arm stays when they change.

        A person takes part in at most one experiment of a `group`; in the others they have the first arm, and are not counted.
        """

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
        `--02-29` is the next 29th of February, `---31` the next 31st, or the last day of a month that has not so many.
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

    async def recommend(self, n: int = 3, /) -> tuple[Recommended, ...]:
        """Up to `n` products that the person may like next, of those that can be had; empty before the first training."""

    async def best_channel(self) -> Channel:
        """Where to write to the person at this moment: in-app while they are there, else push or email.

        It goes by what they answer to where enough is known, else by whether they are on mobile.
        """
