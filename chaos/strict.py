"""A provider that takes so many messages in each window of its own clock, and tells the others when to come again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from tests.doubles.sendgrid import Behaviour, Call, SendGridDouble, rate_limited

WINDOW = 2
"""Seconds, in step with the Unix clock: longer than the shortest wait, so that who does not listen comes too soon."""
EXACT = 0.05
"""Seconds by which the clock may be set back, and nothing is wrong."""


class StrictDouble(SendGridDouble):
    """`rate` is what it takes in a second; what comes over it is answered 429, with the beginning of the next window."""

    def __init__(self, rate: int) -> None:
        super().__init__(keep_bodies=False)
        self.rate = rate
        self.windows: Counter[int] = Counter()
        """How much it has taken in each window."""

    def next_behaviour(self) -> Behaviour:
        now = time.time()
        window = int(now // WINDOW)
        if self.windows[window] >= self.rate * WINDOW:
            return rate_limited(reset_in=(window + 1) * WINDOW - now)
        self.windows[window] += 1
        return super().next_behaviour()


def too_soon(calls: Iterable[Call]) -> list[str]:
    """Send keys that came again before the moment that they were told."""
    told: dict[str, float] = {}
    found = []
    for call in calls:
        if call.at < told.pop(call.send_key, 0.0) - EXACT:
            found.append(call.send_key)
        if call.behaviour.reset_in is not None:
            told[call.send_key] = round(call.at + call.behaviour.reset_in)
    return found
