"""What a journey declares about itself: who enters it, when, how often, and what ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar, cast, get_args

from errors import JourneyError
from events import Event, Quiet, SegmentEntered

from .profile import Profile
from .user import User

E = TypeVar("E", bound=Event)
Kind = Literal["reactive", "proactive", "static"]
WhenResumed = Literal["send", "skip", "spread"]
"""What becomes of a message that was due while its run was paused: sent at once, withheld, or sent within the next hour."""
Function = Callable[[User, E], Awaitable[None]]


def seconds(count: float) -> timedelta:
    """A duration of that many seconds."""
    return timedelta(seconds=count)


def minutes(count: float) -> timedelta:
    """A duration of that many minutes."""
    return timedelta(minutes=count)


def hours(count: float) -> timedelta:
    """A duration of that many hours."""
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    """A duration of that many times 24 hours; for the calendar there is `user.until`."""
    return timedelta(days=count)


def weeks(count: float) -> timedelta:
    """A duration of that many times 168 hours."""
    return timedelta(weeks=count)


@dataclass(frozen=True)
class Again:
    """Whether the same person may enter once more under the same key."""

    rule: Literal["never", "after", "always"]
    wait: timedelta = timedelta(0)


never = Again("never")
always = Again("always")


def after(wait: timedelta) -> Again:
    """Again when `wait` has passed since the last entry."""
    return Again("after", wait)


@dataclass(frozen=True)
class Entering(Generic[E]):
    """The moment at which somebody comes into a segment."""

    kind: type[E]
    segment: str


def entered(segment: str) -> Entering[SegmentEntered]:
    """Start when the person comes into the segment of that name; who is in it when the journey is new does not come into it."""
    return Entering(SegmentEntered, segment)


@dataclass(frozen=True)
class Journey(Generic[E]):
    """A journey as declared; its name is that of its function, its file and its Temporal workflow type."""

    name: str
    function: Function[E]
    starts_on: type[E]
    quiet: timedelta | None
    where: Callable[[E, Profile], bool] | None
    one_per: str | None
    ends_on: tuple[type[Event], ...]
    again: Again
    kind: Kind
    priority: int
    when_resumed: WhenResumed = "send"
    holdout: float | None = None
    """Percent of those who would enter that are kept out to compare with; None leaves that to the settings, 0 is nobody."""
    segment: str | None = None
    """The segment whose entering starts it, if that is what does."""

    @property
    def summary(self) -> str:
        """One sentence for people: the first line of the function's or the file's docstring."""
        text = self.function.__doc__ or self.function.__globals__.get("__doc__") or self.name
        return str(text).strip().splitlines()[0]

    @property
    def start_names(self) -> frozenset[str]:
        """Wire names of the events that start it."""
        return frozenset(self.starts_on.kinds())

    @property
    def goal_names(self) -> frozenset[str]:
        """Wire names of the events that end it."""
        return frozenset(name for kind in self.ends_on for name in kind.kinds())

    def key_of(self, event: Event) -> str:
        """The key of the run that this event starts, ends or touches; empty for a journey that is one per user."""
        return event.key(self.one_per) or ""

    def enters(self, event: Event, person: Profile) -> bool:
        """Whether `where` lets this event start the journey for this person; its errors pass through."""
        return (
            isinstance(event, self.starts_on)
            and self.segment in (None, event.key("segment"))
            and (self.where is None or bool(self.where(event, person)))
        )

    def is_goal(self, event: Event, key: str) -> bool:
        """Whether this event ends the run of that key: same key, or an event that carries no key at all."""
        return isinstance(event, self.ends_on) and (not self.one_per or event.key(self.one_per) in (None, key))


def journey(
    *,
    starts_on: type[E] | Quiet[E] | Entering[E],
    where: Callable[[E, Profile], bool] | None = None,
    one_per: str | None = None,
    ends_on: type[Event] | tuple[type[Event], ...] = (),
    again: Again = never,
    kind: Kind = "reactive",
    priority: int = 3,
    when_resumed: WhenResumed = "send",
    holdout: float | None = None,
) -> Callable[[Function[E]], Journey[E]]:
    """Declare an async function of a user and an event to be a journey.

    `priority` runs from 1 (first) to 5; `when_resumed` is for messages that were due while support had paused the run.
    `holdout` is how many percent of those who would enter are kept out, to compare with; 0 keeps out nobody, whatever the
    settings say of all journeys.
    Raises JourneyError for a declaration that cannot be right.
    """
    trigger = starts_on.kind if isinstance(starts_on, Quiet | Entering) else starts_on
    segment = starts_on.segment if isinstance(starts_on, Entering) else None
    quiet = starts_on.duration if isinstance(starts_on, Quiet) else None
    goals = ends_on if isinstance(ends_on, tuple) else (ends_on,)

    def declare(function: Function[E]) -> Journey[E]:
        name = getattr(function, "__name__", "")
        if not trigger.kinds():
            raise JourneyError(f"{name}: {trigger.__name__} names no event; start on a class of events.py that does.")
        if quiet is not None and quiet <= timedelta(0):
            raise JourneyError(f"{name}: then_quiet needs a duration above zero.")
        if one_per and not any(one_per in known.model_fields for known in trigger.kinds().values()):
            raise JourneyError(f"{name}: one_per={one_per!r} is no field of {trigger.__name__}.")
        if again.rule == "always" and quiet is None and one_per is None:
            raise JourneyError(
                f"{name}: again=always on {trigger.__name__}, which can repeat without bound. Give it a key (one_per=...), "
                f"wait for quiet ({trigger.__name__}.then_quiet(...)), or limit it (again=after(days(...)))."
            )
        if not 1 <= priority <= 5:
            raise JourneyError(f"{name}: priority runs from 1 (first) to 5.")
        if when_resumed not in get_args(WhenResumed):
            known = " or ".join(f'"{rule}"' for rule in get_args(WhenResumed))
            raise JourneyError(f"{name}: when_resumed={when_resumed!r} is no rule; write {known}.")
        if holdout is not None and not 0 <= holdout <= 50:
            raise JourneyError(
                f"{name}: holdout={holdout} is no share; give the percent of people to keep out, 0 to 50."
            )
        if trigger is SegmentEntered and segment is None:
            raise JourneyError(f'{name}: say which segment: starts_on=entered("high_value").')
        return Journey(
            name, function, trigger, quiet, where, one_per, goals, again, kind, priority, when_resumed, holdout, segment
        )

    return declare


def is_journey(value: object) -> bool:
    """Whether a module's attribute is a declared journey."""
    return isinstance(value, Journey)


def journey_of(module: Any, name: str) -> Journey[Event]:
    """The journey that a module of that name holds; JourneyError says what is missing."""
    found = getattr(module, name, None)
    if not isinstance(found, Journey):
        raise JourneyError(
            f"journeys/{name}.py holds no journey named {name}: decorate `async def {name}` with @journey(...)."
        )
    return cast("Journey[Event]", found)
