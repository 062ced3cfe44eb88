"""Where people stand among all buyers, beside what pandas makes of the same numbers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.scores import Count, Population, cuts_of, score
from workflows.profile import Scores

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBERS = st.lists(st.integers(-20, 20) | st.integers(), min_size=1, max_size=80)
MONEY = st.decimals(0, 10_000, places=2)
BUYERS = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 9), MONEY, st.sampled_from(["EUR", "USD", None])),
    min_size=1,
    max_size=60,
)


def by_rank(values: list[Any]) -> list[int]:
    """The fifth of each value by pandas: the rank of the smallest of its equals, of all."""
    ranks = pd.Series(values).rank(method="min")
    return [int(1 + (5 * (rank - 1)) // len(values)) for rank in ranks]


@settings(deadline=None)  # the first use of pandas takes its time
@given(NUMBERS)
def test_fifths_by_rank(values: list[int]) -> None:
    """Scores are the fifths in which pandas ranks the same values, equal values together.

    Killed by: `>` for `>=` in cuts_of, counting a value before its own cut is looked for, or bisect_left in score.
    """
    places = {value: place for place, value in enumerate(sorted(set(values)))}  # pandas would round large numbers
    cuts = cuts_of(Counter(values))
    assert [score(value, cuts) for value in values] == by_rank([places[value] for value in values])


@settings(deadline=None)  # the first use of pandas takes its time
@given(st.sets(st.integers(-1_000_000, 1_000_000), min_size=5, max_size=60))
def test_quintiles(values: set[int]) -> None:
    """Where no two values are equal, and five equal groups can be made, they are the quintiles of pandas.

    Killed by: `len(cuts)` for `len(cuts) + 1` in cuts_of.
    """
    each = [*values][: len(values) // 5 * 5]
    cuts = cuts_of(Counter(each))
    assert [score(value, cuts) for value in each] == [1 + fifth for fifth in pd.qcut(pd.Series(each), 5, labels=False)]


@settings(deadline=None)  # the first use of pandas takes its time
@given(BUYERS)
def test_a_population(buyers: list[tuple[int, int, Decimal, str | None]]) -> None:
    """Each buyer's three scores are those of pandas, money within its currency; the same after the way through the database.

    Killed by: one counter for all currencies in Count.add, or float for Decimal in Population.plain.
    """
    count = Count()
    for days, orders, spent, currency in buyers:
        count.add(NOW - timedelta(days=days), orders, spent, currency)
    population = Population.read(count.buyers, count.population().plain())
    assert population == count.population()
    frame = pd.DataFrame(buyers, columns=["days", "orders", "spent", "currency"]).astype({"spent": float})
    frame["currency"] = frame["currency"].fillna("")
    frame["r"], frame["f"] = by_rank([-days for days in frame["days"]]), by_rank([*frame["orders"]])
    for _, group in frame.groupby("currency"):
        frame.loc[group.index, "m"] = by_rank([*group["spent"]])
    for (days, orders, spent, currency), row in zip(buyers, frame.itertuples(), strict=True):
        found = population.scores(NOW - timedelta(days=days), orders, spent, currency)
        assert (found.recency, found.frequency, found.monetary) == (row.r, row.f, int(row.m))


def test_between_two_counts() -> None:
    """Who buys after the count is measured by it at once: newer than all is 5, and money of a currency nobody had is 1.

    Killed by: looking the value up among those that were counted.
    """
    count = Count()
    for day in range(10):
        count.add(NOW - timedelta(days=day), 1 + day, Decimal(10 * day), "EUR")
    population = count.population()
    later = population.scores(NOW + timedelta(seconds=1), 99, Decimal(5000), "EUR")
    assert later == Scores(recency=5, frequency=5, monetary=5)
    assert population.scores(NOW, 1, Decimal(5000), "CHF").monetary == 1


def test_nobody() -> None:
    """Who has never bought has no scores, nor has anybody before the first count.

    Killed by: leaving `not orders` or `not self.buyers` out of Population.scores.
    """
    count = Count()
    count.add(NOW, 1, Decimal(1), "EUR")
    assert count.population().scores(None, 0, Decimal(0), None) == Scores()
    assert Population().scores(NOW, 3, Decimal(30), "EUR") == Scores()
    assert count.population().scores(NOW, 1, Decimal(1), "EUR") == Scores(recency=1, frequency=1, monetary=1)
