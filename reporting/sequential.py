"""How sure one can be of a difference that is looked at again and again, until somebody stops.

The ordinary interval is right for one look. Who looks every day and stops at the first difference that seems to be one,
finds one far more often than once in twenty times where there is none. The interval here is wider and holds at all looks
together: the mixture of Robbins (1970), which is the one behind the mixture sequential probability ratio test of Johari
and others (2022), with the variance estimated (Waudby-Smith and others, 2024).
"""

from __future__ import annotations

import math

from .statistics import LEVEL, NOTHING, Interval, Mean, Share

SHARPEST = 500
"""The interval is at its narrowest where both groups together tell as much as two of a thousand people; for ever the same."""


def difference(one: Share, other: Share, level: float = LEVEL) -> Interval:
    """Of the rate of `one` above that of the `other`, with bounds that hold at every look; never beyond 1."""
    if not one.people or not other.people:
        return NOTHING
    both = Share(one.hits + other.hits, one.people + other.people)
    # Whichever is larger: among few, or where hardly anybody does it, a variance of one group alone is soon too small.
    apart = _variance(one) / one.people + _variance(other) / other.people
    alike = _variance(both) * (1 / one.people + 1 / other.people)
    half = _half(max(apart, alike), one.people, other.people, level)
    found = one.rate - other.rate
    return Interval(found, max(found - half, -1.0), min(found + half, 1.0))


def means(one: Mean, other: Mean, level: float = LEVEL) -> Interval:
    """The same of two means."""
    if one.people < 2 or other.people < 2:
        return NOTHING
    apart = one.variance / one.people + other.variance / other.people
    alike = (one + other).variance * (1 / one.people + 1 / other.people)
    half = _half(max(apart, alike), one.people, other.people, level)
    found = one.mean - other.mean
    return Interval(found, found - half, found + half) if half else Interval(found, math.nan, math.nan)


def _half(variance: float, one: int, other: int, level: float) -> float:
    """Half the width; `variance` is that of the difference."""
    doubt = -2 * math.log(1 - level)
    told = one * other / (one + other) * (doubt + math.log1p(doubt)) / SHARPEST
    return math.sqrt(variance * (1 + 1 / told) * (math.log1p(told) + doubt))


def _variance(share: Share) -> float:
    """Of one person, as if one more had done it and one more had not: nobody out of few is no certainty."""
    rate = (share.hits + 1) / (share.people + 2)
    return rate * (1 - rate)
