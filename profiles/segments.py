"""Which groups a person belongs to at this moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from errors import JourneyError
from events import Event, Identified, OrderCompleted, SignedUp
from workflows.catalogue import Catalogue
from workflows.profile import Profile

HIGH_VALUE = Decimal(200)
"""Spent in all, in the shop's currency, by somebody who bought at least twice."""
AT_RISK = timedelta(days=30)
Condition = Callable[[Profile, datetime], bool]
TOLD: set[tuple[str, type[Exception]]] = set()
log = structlog.get_logger()


@dataclass(frozen=True)
class Segment:
    """A named group of people: who meets the condition at a moment is in it then."""

    name: str
    holds: Condition
    on: frozenset[str]
    """Names of the events after which it is judged at once, where a journey starts on entering it."""

    def judge(self, person: Profile, now: datetime) -> bool | None:
        """Whether the person is in it; None where the condition throws, which the log says once."""
        try:
            return bool(self.holds(person, now))
        except Exception as error:
            # Of a mistake in one segment every message to everybody would wait.
            if (self.name, type(error)) not in TOLD:
                TOLD.add((self.name, type(error)))
                log.error(
                    "a segment's condition throws; see profiles/segments.py",
                    segment=self.name,
                    error=type(error).__name__,
                )
            return None

    @property
    def summary(self) -> str:
        """One sentence for people: the first line of the condition's docstring."""
        return (self.holds.__doc__ or self.name).strip().splitlines()[0]


SEGMENTS: dict[str, Segment] = {}


def segment(*on: type[Event]) -> Callable[[Condition], Condition]:
    """Make a function of a profile and a moment a segment of its name.

    `on` are the events that can bring somebody into it; without any it can come with time alone, and is judged every hour.
    """

    def declare(condition: Condition) -> Condition:
        names = frozenset(name for kind in on for name in kind.kinds())
        SEGMENTS[condition.__name__] = Segment(condition.__name__, condition, names)
        return condition

    return declare


@segment(SignedUp, Identified)
def newcomer(person: Profile, now: datetime) -> bool:
    """Has not bought yet."""
    return not person.orders


@segment(OrderCompleted)
def high_value(person: Profile, now: datetime) -> bool:
    """High-value repeat buyers: at least two orders, and 200 spent in all."""
    return person.orders >= 2 and person.spent >= HIGH_VALUE


@segment(OrderCompleted)
def champion(person: Profile, now: datetime) -> bool:
    """Among the best two fifths of all buyers in recency, frequency and money."""
    scores = person.scores
    return min(scores.recency, scores.frequency, scores.monetary) >= 4


@segment()
def at_risk(person: Profile, now: datetime) -> bool:
    """At-risk inactive users: bought before, and not seen for 30 days."""
    return bool(person.orders) and (person.last_seen_at is None or now - person.last_seen_at >= AT_RISK)


@segment(OrderCompleted)
def browses_mobile_buys_desktop(person: Profile, now: datetime) -> bool:
    """Looks around on a phone or tablet, and buys on a desktop."""
    return person.browses_on in ("mobile", "tablet") and person.buys_on == "desktop"


def segments_of(person: Profile, now: datetime) -> frozenset[str]:
    """The segments that the person is in; not those whose condition throws."""
    return frozenset(name for name, each in SEGMENTS.items() if each.judge(person, now))


def watched_by(catalogue: Catalogue) -> dict[str, Segment]:
    """The segments that journeys start on; JourneyError, naming the journey, for any named in one that there is not."""
    for listed in catalogue:
        for name in sorted(listed.segments - SEGMENTS.keys()):
            known = ", ".join(sorted(SEGMENTS))
            raise JourneyError(
                f"journeys/{listed.journey.name}.py: there is no segment named {name}; there are: {known}. "
                "Write it in profiles/segments.py."
            )
    starts = {listed.journey.segment for listed in catalogue} - {None}
    return {name: each for name, each in SEGMENTS.items() if name in starts}


def relevant_to(catalogue: Catalogue) -> frozenset[str]:
    """Names of the events after which somebody may have come into one of these."""
    return frozenset[str]().union(*(each.on for each in watched_by(catalogue).values()))
