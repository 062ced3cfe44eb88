"""How sure one can be of a difference between two groups that were looked at once, at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from .student import t_quantile

NORMAL = NormalDist()
LEVEL = 0.95
POWER = 0.8
"""Chance to show a difference that there is, where a number of people is asked for."""


@dataclass(frozen=True)
class Share:
    """How many of so many did it."""

    hits: int
    people: int

    @property
    def rate(self) -> float:
        return self.hits / self.people if self.people else math.nan


@dataclass(frozen=True)
class Mean:
    """So many values by their sum and their sum of squares; those who have none count as zero."""

    people: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.people if self.people else math.nan

    @property
    def variance(self) -> float:
        """That of one value, as a sample tells it (Bessel)."""
        if self.people < 2:
            return math.nan
        return max(self.squares - self.total * self.total / self.people, 0.0) / (self.people - 1)

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.people + other.people, self.total + other.total, self.squares + other.squares)


@dataclass(frozen=True)
class Interval:
    """An estimate, and the bounds between which the truth is believed to lie; NaN where nothing can be said."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


NOTHING = Interval(math.nan, math.nan, math.nan)


def wilson(share: Share, level: float = LEVEL) -> Interval:
    """Of one rate (Wilson 1927)."""
    if not share.people:
        return NOTHING
    z, n, rate = _z(level), share.people, share.rate
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return Interval(rate, max(middle - half, 0.0), min(middle + half, 1.0))


def difference(one: Share, other: Share, level: float = LEVEL) -> Interval:
    """Of the rate of `one` above that of the `other` (Newcombe 1998, method 10)."""
    if not one.people or not other.people:
        return NOTHING
    mine, theirs, found = wilson(one, level), wilson(other, level), one.rate - other.rate
    low = found - math.hypot(one.rate - mine.low, theirs.high - other.rate)
    high = found + math.hypot(mine.high - one.rate, other.rate - theirs.low)
    return Interval(found, low, high)


def ratio(one: Share, other: Share, level: float = LEVEL) -> Interval:
    """By how much of itself the rate of `one` is above that of the `other`: 0.1 is a tenth (Katz 1978, by logarithms)."""
    if not one.hits or not other.hits:
        return NOTHING
    found = one.rate / other.rate
    spread = _z(level) * math.sqrt((1 - one.rate) / one.hits + (1 - other.rate) / other.hits)
    return Interval(found - 1, found * math.exp(-spread) - 1, found * math.exp(spread) - 1)


def z_score(one: Share, other: Share) -> float:
    """The test of two equal rates, by their pooled variance; NaN where both groups are all alike."""
    if not one.people or not other.people:
        return math.nan
    pooled = (one.hits + other.hits) / (one.people + other.people)
    variance = pooled * (1 - pooled) * (1 / one.people + 1 / other.people)
    return (one.rate - other.rate) / math.sqrt(variance) if variance else math.nan


def p_value(z: float) -> float:
    """How often chance alone comes at least so far, to either side."""
    return 2 * NORMAL.cdf(-abs(z))


def welch(one: Mean, other: Mean, level: float = LEVEL) -> Interval:
    """Of the mean of `one` above that of the `other`, whose variances may differ (Welch 1947)."""
    if one.people < 2 or other.people < 2:
        return NOTHING
    mine, theirs = one.variance / one.people, other.variance / other.people
    found, variance = one.mean - other.mean, mine + theirs
    if not variance:
        return Interval(found, math.nan, math.nan)
    freedom = variance**2 / (mine**2 / (one.people - 1) + theirs**2 / (other.people - 1))
    half = t_quantile((1 + level) / 2, freedom) * math.sqrt(variance)
    return Interval(found, found - half, found + half)


def needed(one: float, other: float, share: float, level: float = LEVEL, power: float = POWER) -> int | None:
    """How many people both groups need together, `share` of them in the first, to show that these two rates differ.

    None where they do not differ, or a group is empty.
    """
    if one == other or not 0 < share < 1 or math.isnan(one) or math.isnan(other):
        return None
    pooled = share * one + (1 - share) * other
    by_chance = math.sqrt(pooled * (1 - pooled) * (1 / share + 1 / (1 - share)))
    as_it_is = math.sqrt(one * (1 - one) / share + other * (1 - other) / (1 - share))
    return math.ceil(((_z(level) * by_chance + NORMAL.inv_cdf(power) * as_it_is) / (one - other)) ** 2)


def smallest(rate: float, one: int, other: int, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest difference from this rate that groups of these sizes are likely to show."""
    if not one or not other:
        return math.nan
    return (_z(level) + NORMAL.inv_cdf(power)) * math.sqrt(rate * (1 - rate) * (1 / one + 1 / other))


def _z(level: float) -> float:
    return NORMAL.inv_cdf((1 + level) / 2)
