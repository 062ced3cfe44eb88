"""Whoever looks at every step, and stops at the first difference that is shown, is wrong at most once in twenty times."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reporting.sequential import difference, means
from reporting.statistics import Mean, Share
from reporting.statistics import difference as once

RUNS, STEPS = 400, 60
Groups = list[tuple[Share, Share]]


def looks(seed: int, rates: tuple[float, float], share: float, every: int) -> list[Groups]:
    """Many experiments, each as it stands after every so many people, of whom each is drawn with this chance."""
    chance = np.random.default_rng(seed)
    arm = chance.random((RUNS, STEPS * every)) < share
    done = chance.random((RUNS, STEPS * every)) < np.where(arm, *rates)
    at = np.arange(1, STEPS + 1) * every - 1
    counts = [np.cumsum(each, axis=1)[:, at] for each in (arm & done, arm, ~arm & done, ~arm)]
    return [
        [
            (Share(int(a), int(b)), Share(int(c), int(d)))
            for a, b, c, d in zip(*(each[run] for each in counts), strict=True)
        ]
        for run in range(RUNS)
    ]


@pytest.mark.parametrize(
    ("rate", "share", "every"), [(0.5, 0.5, 2), (0.1, 0.5, 20), (0.05, 0.9, 50), (0.005, 0.9, 200), (0.02, 0.95, 40)]
)
def test_peeking_where_there_is_nothing(rate: float, share: float, every: int) -> None:
    """Of experiments without any difference, looked at sixty times each, at most 5 % ever show one; the ordinary interval
    would have shown one in far more.

    Killed by: the ordinary interval in its place, or the variance of the two groups apart alone.
    """
    runs = looks(7, (rate, rate), share, every)
    wrong = sum(any(difference(*each).is_clear for each in run) for run in runs) / RUNS
    assert wrong <= 0.05
    naive = sum(any(once(*each).is_clear for each in run if all(group.people for group in each)) for run in runs) / RUNS
    assert naive > 0.1 > 2 * wrong


def test_every_look_holds_the_truth() -> None:
    """Where there is a difference, 95 of 100 experiments never show an interval without it, at any look.

    Killed by: taking the variance that there would be without a difference alone.
    """
    missed = 0
    for run in looks(11, (0.4, 0.2), 0.7, 25):
        missed += any(
            not found.low <= 0.2 <= found.high
            for found in (difference(*each) for each in run)
            if found.low == found.low
        )
    assert missed / RUNS <= 0.05


def test_a_difference_is_found() -> None:
    """What is there is shown, and with fewer people than twice those that one look at the end would need.

    Killed by: an interval that never ends.
    """
    people = 2 * 7_700  # of 10 % and 12 %, for one look: 7,682
    found = sum(any(difference(*each).low > 0 for each in run) for run in looks(3, (0.12, 0.10), 0.5, people // STEPS))
    assert found / RUNS > 0.8


def test_money() -> None:
    """The same of what people spend, mostly nothing and sometimes much: at most 5 % ever show a difference.

    Killed by: the ordinary interval in its place.
    """
    chance = np.random.default_rng(5)
    every, wrong = 40, 0
    arm = chance.random((RUNS, STEPS * every)) < 0.8
    paid = (chance.random((RUNS, STEPS * every)) < 0.05) * np.exp(
        4 + 0.8 * chance.standard_normal((RUNS, STEPS * every))
    )
    at = np.arange(1, STEPS + 1) * every - 1
    sums = [
        np.cumsum(each, axis=1)[:, at]
        for group in (arm, ~arm)
        for each in (group, np.where(group, paid, 0), np.where(group, paid**2, 0))
    ]
    for run in range(RUNS):
        rows = zip(*(each[run] for each in sums), strict=True)
        wrong += any(
            means(Mean(int(a), float(b), float(c)), Mean(int(d), float(e), float(f))).is_clear
            for a, b, c, d, e, f in rows
        )
    assert wrong / RUNS <= 0.05


def test_stricter_for_more_arms() -> None:
    """The interval of an arm beside several others is wider, and one never goes beyond what a difference can be.

    Killed by: not handing the level on.
    """
    one, other = Share(60, 500), Share(40, 480)
    assert difference(one, other, 0.975).low < difference(one, other).low
    assert (difference(Share(1, 1), Share(0, 1)).low, difference(Share(1, 1), Share(0, 1)).high) == (-1, 1)
    assert math.isnan(difference(Share(0, 0), other).low)
    assert math.isnan(means(Mean(1, 2.0, 4.0), Mean(9, 2.0, 4.0)).low)
