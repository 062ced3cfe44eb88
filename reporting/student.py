"""How far Student's t lies from zero: the standard library has no quantile of it."""

from __future__ import annotations

import math
from statistics import NormalDist

MANY = 1000.0
"""Degrees of freedom from which the expansion about the normal distribution is exact to ten digits."""
STEPS = 1000
TINY = 1e-300


def t_quantile(chance: float, freedom: float) -> float:
    """The value below which Student's t lies with this chance, from one half up."""
    z = NormalDist().inv_cdf(chance)
    if freedom >= MANY:
        # Cornish and Fisher; Abramowitz and Stegun 26.7.5.
        first = (z**3 + z) / 4
        second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
        third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
        return z + first / freedom + second / freedom**2 + third / freedom**3
    low, high = 0.0, max(z, 1.0)
    while _below(high, freedom) < chance:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if _below(middle, freedom) < chance else (low, middle)
    return high


def _below(value: float, freedom: float) -> float:
    """How often t lies below a value that is not negative."""
    return 1 - _beta(freedom / (freedom + value * value), freedom / 2, 0.5) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22), as Lentz evaluates one."""
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    upper, lower, found = 1.0, 0.0, 1.0
    for step in range(STEPS):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / (1 + term * lower or TINY)
        upper = 1 + term / upper or TINY
        found *= upper * lower
        if abs(upper * lower - 1) < 1e-15:
            break
    return front * (found - 1)
