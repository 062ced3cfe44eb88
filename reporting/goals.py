"""What a journey is for: which events count as reached in a report."""

from __future__ import annotations

from events import (
    CartEmptied,
    DateChanged,
    EmailBounced,
    EmailMarkedAsSpam,
    Event,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    Unsubscribed,
    ZoneChanged,
)
from workflows.definition import Journey

EXITS: tuple[type[Event], ...] = (
    CartEmptied,
    OrderRefunded,
    OrderCancelled,
    Unsubscribed,
    EmailBounced,
    EmailMarkedAsSpam,
    ZoneChanged,
    DateChanged,
)
"""Events after which a journey has nothing more to say, and nobody is glad of."""
MOST_NAMED = 3


def goals_of(journey: Journey[Event]) -> frozenset[str]:
    """Wire names of the events of `ends_on` that are no mere exit; a purchase where that leaves none."""
    exits = {name for kind in EXITS for name in kind.kinds()}
    return (journey.goal_names - exits) or frozenset(OrderCompleted.kinds())


def named(journey: Journey[Event]) -> str:
    """The same in a few words, such as "Order Completed", or "Activity" for all that is one."""
    goals, words, covered = goals_of(journey), list[str](), set[str]()
    for kind in journey.ends_on:
        if set(kind.kinds()) <= goals:
            words.append(kind.event_name or kind.__name__)
            covered |= set(kind.kinds())
    words += sorted(goals - covered)
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    return " or ".join(words[:MOST_NAMED]) + more
