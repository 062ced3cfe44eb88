"""What a person will do next: whether they order within two weeks, and in which category."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from events import Activity, OrderCompleted, ProductAdded, ProductViewed
from workflows.profile import Profile

from .recommender import Touch, interest_of

AHEAD = timedelta(days=14)
"""The time in which an order is foretold."""
LONGEST = 365.0
"""Days; what is longer ago, or never was, counts as that."""
MONTH, QUARTER = 30.0, 90.0
HABITS = (
    ("days since the last order", "logarithm; 365 where there is none"),
    ("orders in 30 days", "logarithm of one more"),
    ("orders in 90 days", "logarithm of one more"),
    ("days since the last visit", "logarithm; 365 where there is none"),
    ("products viewed in 7 days", "logarithm of one more"),
    ("products put into the cart in 7 days", "logarithm of one more"),
    ("time since the last order, in own gaps", "logarithm; the gap is 90 days by the orders in them"),
)
"""What the probability to order is told by, in this order, and how each is measured."""
TASTES = (
    ("part of all interest", "0 to 1"),
    ("orders with it", "logarithm of one more"),
    ("days since it was last touched", "logarithm; 365 where it never was"),
    ("closeness to other interests", "0 to 1"),
    ("part of everybody's orders with it", "logarithm"),
)
"""What the next category is told by, in this order, for each category."""
RAREST = 1e-4


def habits_of(
    since_order: float | None, month: int, quarter: int, since_seen: float | None, views: int, adds: int
) -> tuple[float, ...]:
    """The measures of HABITS; `since_…` are days, None for never, the others counts."""
    order = min(max(since_order, 0.0), LONGEST) if since_order is not None else LONGEST
    seen = min(max(since_seen, 0.0), LONGEST) if since_seen is not None else LONGEST
    gap = QUARTER / quarter if quarter else LONGEST
    return (
        math.log1p(order),
        math.log1p(month),
        math.log1p(quarter),
        math.log1p(seen),
        math.log1p(views),
        math.log1p(adds),
        math.log1p(order / gap),
    )


@dataclass(frozen=True)
class Logistic:
    """Logistic regression: the probability is 1 / (1 + exp(-z)), with z the intercept and each weight times its measure."""

    intercept: float
    weights: tuple[float, ...]

    def probability(self, measures: Sequence[float]) -> float:
        """0 to 1."""
        z = self.intercept + sum(weight * value for weight, value in zip(self.weights, measures, strict=True))
        return 1.0 / (1.0 + math.exp(-min(max(z, -30.0), 30.0)))

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"intercept": self.intercept, "weights": [*self.weights]}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Logistic:
        """From what `plain` gave."""
        return cls(float(plain["intercept"]), tuple(map(float, plain["weights"])))


def buy_probability(model: Logistic, person: Profile, now: datetime) -> float:
    """The probability, 0 to 1, that the person orders within AHEAD."""
    orders, seen = person.did(OrderCompleted), person.did(Activity)
    measures = habits_of(
        _days(orders.last_at, now),
        orders.month,
        orders.quarter,
        _days(seen.last_at, now),
        person.did(ProductViewed).week,
        person.did(ProductAdded).week,
    )
    return round(model.probability(measures), 4)


@dataclass(frozen=True)
class Categories:
    """The categories that are foretold, which of them are alike, and what each is to everybody."""

    names: tuple[str, ...]
    part: tuple[float, ...]
    """Of everybody's orders those that hold it, 0 to 1."""
    likeness: tuple[tuple[float, ...], ...]
    """For each category how like it is to each, 0 to 1."""

    def tastes_of(self, touches: Sequence[Touch], now: datetime) -> list[tuple[float, ...]]:
        """The measures of TASTES for each category; an empty list for somebody who has touched nothing."""
        points: defaultdict[str, float] = defaultdict(float)
        newest: dict[str, datetime] = {}
        orders: defaultdict[str, set[datetime]] = defaultdict(set)
        interest, counted = interest_of(touches, now), set[tuple[str, str]]()
        for touch in touches:
            if touch.category is None:
                continue
            if (touch.category, touch.product_id) not in counted:
                counted.add((touch.category, touch.product_id))
                points[touch.category] += interest[touch.product_id]
            newest[touch.category] = max(newest.get(touch.category, touch.at), touch.at)
            if touch.is_bought:
                orders[touch.category].add(touch.at)
        total = sum(points.values())
        if not total:
            return []
        shares = [points.get(name, 0.0) / total for name in self.names]
        held = [(place, share) for place, share in enumerate(shares) if share]
        return [
            (
                shares[place],
                math.log1p(len(orders.get(name, ()))),
                math.log1p(min(_days(newest.get(name), now) or 0.0, LONGEST) if name in newest else LONGEST),
                sum(share * self.likeness[other][place] for other, share in held if other != place),
                math.log(max(self.part[place], RAREST)),
            )
            for place, name in enumerate(self.names)
        ]


@dataclass(frozen=True)
class NextCategory:
    """Tells the category of the next order."""

    categories: Categories
    model: Logistic

    def most_likely(self, touches: Sequence[Touch], now: datetime) -> str | None:
        """The category most likely in the person's next order; None for somebody who has touched nothing."""
        tastes = self.categories.tastes_of(touches, now)
        if not tastes:
            return None
        chances = [self.model.probability(each) for each in tastes]
        return self.categories.names[max(range(len(chances)), key=lambda place: chances[place])]

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**vars(self.categories), "model": self.model.plain()}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> NextCategory:
        """From what `plain` gave."""
        likeness = tuple(tuple(row) for row in plain["likeness"])
        categories = Categories(tuple(plain["names"]), tuple(plain["part"]), likeness)
        return cls(categories, Logistic.read(plain["model"]))


def _days(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max((now - moment).total_seconds() / 86400, 0.0)
