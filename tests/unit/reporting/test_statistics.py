"""Our own statistics agree with statsmodels, an implementation by others, on every figure that a report shows."""

from __future__ import annotations

import csv
import math
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy import stats
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    power_proportions_2indep,
    proportion_confint,
    proportions_ztest,
)
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from reporting.statistics import Mean, Share, difference, needed, p_value, ratio, smallest, welch, wilson, z_score
from reporting.student import t_quantile

HILLSTROM = os.environ.get("HILLSTROM_CSV", "")
"""The file of Kevin Hillstrom's e-mail challenge (2008): 64,000 customers, a third of whom got no email."""
SHARES = [(60, 500, 40, 480), (3, 20_000, 1, 2_100), (0, 40, 2, 9), (9, 9, 1, 8), (1_253, 21_307, 577, 21_306)]
Spent = tuple[list[float], list[float]]


def generated() -> Spent:
    """What two groups spent, of which the first buys a fifth more often: 6 % against 5 %."""
    chance = random.Random(2008)

    def spent(rate: float, people: int) -> list[float]:
        return [round(chance.lognormvariate(4, 0.8), 2) if chance.random() < rate else 0.0 for _ in range(people)]

    return spent(0.06, 20_000), spent(0.05, 6_000)


def hillstrom() -> Spent:
    """What those who were written to spent, and those who were not."""
    with Path(HILLSTROM).open(encoding="utf-8", newline="") as file:
        rows = [(row["segment"], float(row["spend"])) for row in csv.DictReader(file)]
    wrote = [spend for segment, spend in rows if segment != "No E-Mail"]
    return wrote, [spend for segment, spend in rows if segment == "No E-Mail"]


DATA = [
    pytest.param(generated, id="generated"),
    pytest.param(
        hillstrom,
        id="hillstrom",
        marks=pytest.mark.skipif(not HILLSTROM, reason="HILLSTROM_CSV names no file; the other data are generated"),
    ),
]


def close(mine: float, theirs: float) -> bool:
    return math.isclose(mine, float(theirs), rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize(("hits", "people", "others", "of"), SHARES)
def test_rates(hits: int, people: int, others: int, of: int) -> None:
    """The interval of a rate, that of a difference, and z with its chance are those of statsmodels, also at the edges.

    Killed by: leaving z² out of Wilson's middle, adding Newcombe's parts instead of their squares, or not pooling in z.
    """
    one, other = Share(hits, people), Share(others, of)
    low, high = proportion_confint(hits, people, method="wilson")
    assert close(wilson(one).low, max(low, 0))
    assert close(wilson(one).high, min(high, 1))
    found = difference(one, other)
    low, high = confint_proportions_2indep(hits, people, others, of, method="newcomb")
    assert close(found.value, hits / people - others / of)
    assert close(found.low, low)
    assert close(found.high, high)
    z, chance = proportions_ztest([hits, others], [people, of])
    assert close(z_score(one, other), z)
    assert close(p_value(z_score(one, other)), chance)


@pytest.mark.parametrize(("hits", "people", "others", "of"), [each for each in SHARES if each[0] and each[2]])
def test_ratio(hits: int, people: int, others: int, of: int) -> None:
    """The lift and its interval are those of statsmodels' ratio of two rates.

    Killed by: 1 / hits in place of (1 - rate) / hits.
    """
    found = ratio(Share(hits, people), Share(others, of))
    low, high = confint_proportions_2indep(hits, people, others, of, compare="ratio", method="log")
    assert close(found.value + 1, (hits / people) / (others / of))
    assert close(found.low + 1, low)
    assert close(found.high + 1, high)


@pytest.mark.parametrize("both", DATA)
def test_on_data(both: Callable[[], Spent]) -> None:
    """On spending as it is, mostly nothing and sometimes much, z, every interval and Welch's are those of statsmodels.

    Killed by: dividing the squares by n in place of n - 1, or taking the normal quantile in a small group.
    """
    one, other = both()
    for mine, theirs in ((one, other), (one[:40], other[:31])):
        hits, others = sum(value > 0 for value in mine), sum(value > 0 for value in theirs)
        found = difference(Share(hits, len(mine)), Share(others, len(theirs)))
        low, high = confint_proportions_2indep(hits, len(mine), others, len(theirs), method="newcomb")
        assert close(found.low, low)
        assert close(found.high, high)
        z, _ = proportions_ztest([hits, others], [len(mine), len(theirs)])
        assert close(z_score(Share(hits, len(mine)), Share(others, len(theirs))), z)
        paid = welch(mean_of(mine), mean_of(theirs))
        low, high = CompareMeans(DescrStatsW(mine), DescrStatsW(theirs)).tconfint_diff(usevar="unequal")
        assert math.isclose(paid.low, low, rel_tol=1e-8)
        assert math.isclose(paid.high, high, rel_tol=1e-8)
        assert close(paid.value, sum(mine) / len(mine) - sum(theirs) / len(theirs))


def mean_of(values: list[float]) -> Mean:
    return Mean(len(values), sum(values), sum(value * value for value in values))


@pytest.mark.parametrize(("one", "other", "share"), [(0.06, 0.05, 0.9), (0.05, 0.06, 0.5), (0.001, 0.002, 0.95)])
def test_people_needed(one: float, other: float, share: float) -> None:
    """With the number of people that is said to be needed, the difference is shown four times in five, by statsmodels.

    Killed by: one variance for both errors, or forgetting that the groups are not of one size.
    """
    people = needed(one, other, share)
    assert people is not None
    power = power_proportions_2indep(
        one - other, other, nobs1=people * share, ratio=(1 - share) / share, return_results=False
    )
    assert power == pytest.approx(0.8, abs=0.002)
    assert smallest(other, round(people * share), round(people * (1 - share))) == pytest.approx(
        abs(one - other), rel=0.25
    )


@pytest.mark.parametrize("freedom", [1, 1.3, 2, 7.5, 30, 200, 999, 1000, 5000, 1e6])
@pytest.mark.parametrize("chance", [0.5, 0.8, 0.975, 0.9999])
def test_student(chance: float, freedom: float) -> None:
    """Quantiles of Student's t are those of SciPy, on both sides of where the way to them changes.

    Killed by: leaving the last term of the expansion out and beginning it at 30 degrees.
    """
    assert t_quantile(chance, freedom) == pytest.approx(float(stats.t.ppf(chance, freedom)), rel=1e-8, abs=1e-9)


def test_where_nothing_can_be_said() -> None:
    """Nobody, one person, or all alike: no figure is made up, and nothing throws.

    Killed by: dividing without a look at an empty group.
    """
    none, some, all_alike = Share(0, 0), Share(1, 5), Mean(10, 0.0, 0.0)
    assert math.isnan(difference(none, some).value)
    assert math.isnan(difference(some, none).low)
    assert math.isnan(wilson(none).value)
    assert math.isnan(ratio(some, Share(0, 5)).value)
    assert math.isnan(z_score(Share(0, 5), Share(0, 7)))
    assert math.isnan(welch(Mean(1, 5.0, 25.0), all_alike).value)
    assert welch(all_alike, all_alike).value == 0
    assert math.isnan(welch(all_alike, all_alike).low)
    assert needed(0.1, 0.1, 0.5) is None
    assert needed(math.nan, 0.1, 0.5) is None
    assert needed(0.1, 0.2, 1.0) is None
    assert math.isnan(smallest(0.1, 0, 7))
