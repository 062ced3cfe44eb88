"""What is foretold of a person: an order within two weeks, and its category."""

from __future__ import annotations

import math
from datetime import timedelta
from random import Random

import pytest

from profiles.doings import Diary, Doings
from profiles.fitting import auc, fitted, worth
from profiles.forecast import Logistic, buy_probability, habits_of
from profiles.learning import learned
from profiles.recommender import Touch
from tests.shopping import DAY, Told, doings, line, moment
from workflows.profile import Did, Profile

NOW = moment()


def regulars(people: int = 200, seed: int = 2) -> Doings:
    """Every other person buys tea about every ten days, the rest looked at a tent once and again, and never bought for long."""
    chance, told = Random(seed), list[Told]()
    for number in range(people):
        user, order = f"u-{number}", {"products": [line("green", "Leaves")]}
        told.append((user, "Page Viewed", 170 * DAY, {}))
        if number % 2:
            told += [(user, "Order Completed", DAY * (each * 10 + chance.random() * 4), order) for each in range(16)]
        else:
            told.append((user, "Order Completed", 160 * DAY, {"products": [line("tent", "Tents")]}))
            told += [(user, "Product Viewed", DAY * each * 30, line("tent", "Tents")) for each in range(1, 5)]
    # One in ten of those who never buy does so after all.
    told += [
        (f"u-{number}", "Order Completed", 7 * DAY, {"products": [line("tent", "Tents")]})
        for number in range(0, people, 20)
    ]
    return doings(NOW, iter(told))


def test_weights_are_found() -> None:
    """Logistic regression finds the weights that data were made by, in the measures' own units.

    Killed by: leaving the division by `spread`, or the mean, out of `fitted`.
    """
    chance = Random(3)
    x = [(chance.gauss(5, 3), chance.gauss(-100, 20)) for _ in range(8000)]
    y = [chance.random() < 1 / (1 + math.exp(-(2 + 0.8 * a + 0.05 * b))) for a, b in x]
    model = fitted(x, y)
    assert model.weights == pytest.approx((0.8, 0.05), rel=0.15)
    assert model.intercept == pytest.approx(2, abs=0.6)
    told = [model.probability(row) for row in x]
    assert sum(told) == pytest.approx(sum(y), rel=0.01)


def test_no_weight_without_end() -> None:
    """What is always or never so, or decides everything, still gives weights that are numbers.

    Killed by: PENALTY of 0.
    """
    model = fitted([(1.0, float(n > 50), 0.0) for n in range(100)], [n > 50 for n in range(100)])
    assert all(math.isfinite(weight) and abs(weight) < 20 for weight in (model.intercept, *model.weights))
    assert model.probability((1.0, 1.0, 0.0)) > 0.8 > 0.2 > model.probability((1.0, 0.0, 0.0))


def test_auc() -> None:
    """The share of pairs in the right order, ties counted half.

    Killed by: leaving the half of ties out.
    """
    assert auc([1, 2, 3, 4], [False, False, True, True]) == 1
    assert auc([1, 2, 3, 4], [True, False, True, False]) == 0.25
    assert auc([1, 1, 1, 1], [True, False, True, False]) == 0.5
    assert auc([1, 2], [True, True]) == 0.5


def test_calibration() -> None:
    """By fifths of the people, from the lowest: what was told on average, and the part that did it.

    Killed by: bins by value instead of by people, or the order of `told` for `happened`.
    """
    found = worth([0.1] * 60 + [0.9] * 40, [0.0] * 100, [False] * 60 + [True] * 20 + [False] * 20)
    assert [count for _, _, count in found.calibration] == [20] * 5
    assert [round(said, 2) for said, _, _ in found.calibration] == [0.1, 0.1, 0.1, 0.9, 0.9]
    assert [was for _, was, _ in found.calibration] == [0, 0, 0, 1, 0]
    assert found.baseline == 0.5


def test_habits() -> None:
    """Each measure says what its name does; who never did a thing counts as a year ago.

    Killed by: `month` for `quarter` in `habits_of`.
    """
    assert habits_of(None, 0, 0, None, 0, 0)[:4] == (math.log1p(365), 0, 0, math.log1p(365))
    since, month, quarter, seen, views, adds, gaps = habits_of(30, 1, 3, 2, 4, 5)
    assert [round(math.expm1(each), 6) for each in (since, month, quarter, seen, views, adds, gaps)] == [
        30,
        1,
        3,
        2,
        4,
        5,
        1,
    ]
    assert habits_of(-1, 0, 0, -1, 0, 0)[0] == 0, "a client's clock runs ahead"


def test_what_came_of_it() -> None:
    """An order counts as foretold if it came after the moment, and within the time.

    Killed by: `orders_within` looking backwards, or without end.
    """
    at = NOW.timestamp()
    diary = Diary(orders=[at - 20 * 86_400, at - 5 * 86_400])
    fortnight = 14 * 86_400.0
    assert diary.orders_within(at - 10 * 86_400, fortnight)
    assert not diary.orders_within(at - 19.5 * 86_400, fortnight)
    assert not diary.orders_within(at, fortnight)


def test_the_same_measured_twice() -> None:
    """A person's measures are the same in training, by their events, as in a profile, by its counts.

    Killed by: another window in Diary.habits than in WINDOWS of the profile.
    """
    asked = list[tuple[float, ...]]()

    class Noting(Logistic):
        def probability(self, measures: object) -> float:
            asked.append(tuple(measures))  # type: ignore[arg-type]
            return 0.5

    told: list[Told] = [("u", "Product Viewed", DAY * n, line("tent", "Tents")) for n in (1, 3, 20)]
    told += [("u", "Order Completed", DAY * n, {"products": [line("tent", "Tents")]}) for n in (4, 40, 100)]
    found = doings(NOW, iter(told))
    trained = found.diaries()[0].habits(NOW.timestamp())
    person = Profile(
        user_id="u",
        behaviour=(
            Did(event="Product Viewed", count=3, week=2, month=3, quarter=3, last_at=NOW - DAY),
            Did(event="Order Completed", count=3, week=1, month=1, quarter=2, last_at=NOW - 4 * DAY),
        ),
    )
    buy_probability(Noting(0, ()), person, NOW)
    assert asked == [pytest.approx(trained)]


def test_who_will_order() -> None:
    """Who buys every ten days is told to be likely, who stays away is not; told and happened agree on those not learned from.

    Killed by: PENALTY so large that nothing has weight, or LEAST of 0.
    """
    model = learned(regulars(), NOW)
    assert model.buying is not None
    figures = model.figures["buying"]
    assert figures["auc"] > 0.9
    assert figures["rows"] == 200
    often = Profile(
        user_id="often",
        behaviour=(Did(event="Order Completed", count=16, week=1, month=3, quarter=9, last_at=NOW - 2 * DAY),),
    )
    never = Profile(
        user_id="never", behaviour=(Did(event="Product Viewed", count=4, quarter=3, last_at=NOW - 30 * DAY),)
    )
    likely, unlikely = (buy_probability(model.buying, person, NOW) for person in (often, never))
    assert 0.9 < likely < 1
    assert 0 < unlikely < 0.35


def test_next_category() -> None:
    """The category named is the one the person buys again and again; of who has touched nothing, none.

    Killed by: the first category for the most likely one, or measures of another category.
    """
    model = learned(regulars(), NOW).next_category
    assert model is not None
    tea = [Touch("Order Completed", "green", "Leaves", NOW - timedelta(days=10 * n)) for n in range(1, 5)]
    tent = [Touch("Product Viewed", "tent", "Tents", NOW - DAY * n) for n in range(1, 4)]
    assert model.most_likely(tea, NOW) == "Leaves"
    assert model.most_likely(tent, NOW) == "Tents"
    assert model.most_likely([], NOW) is None


def test_too_little() -> None:
    """Where too few have ordered nothing is foretold, and no figure is made up.

    Killed by: LEAST of 0.
    """
    model = learned(regulars(people=8), NOW)
    assert (model.buying, model.next_category) == (None, None)
    assert (model.figures["buying"], model.figures["next_category"], model.figures["recommending"]) == (
        None,
        None,
        None,
    )
    empty = learned(Doings(), NOW)
    assert (empty.recommender.ids, empty.buying) == ([], None)
    assert empty.recommender.ranked([], NOW, 5) == []
