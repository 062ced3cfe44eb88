"""In which hour of their own day a person is most likely to look."""

from __future__ import annotations

from collections.abc import Mapping

EVIDENCE = 5
"""Visits and opens it takes before we believe to know."""


def best_hour(hours: Mapping[str, int]) -> int | None:
    """The hour, 0 to 23, around which the person was there most often; None while too little is known.

    The hours beside it count half, across midnight too, so that 18:55 and 19:05 speak for the same evening.
    """
    if sum(hours.values()) < EVIDENCE:
        return None

    def weight(hour: int) -> float:
        return hours.get(str(hour), 0) + (hours.get(str((hour - 1) % 24), 0) + hours.get(str((hour + 1) % 24), 0)) / 2

    return max(range(24), key=lambda hour: (weight(hour), -hour))
