"""Where a person stands among all who have bought: how lately, how often and for how much."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from workflows.profile import Scores

V = TypeVar("V", int, Decimal, datetime)
BEST = 5


def cuts_of(counts: Mapping[V, int]) -> tuple[V, ...]:
    """The values from which on the scores 2, 3, 4 and 5 are reached, of so many people with each value.

    A score of n is reached where at least (n - 1) fifths of all people have a smaller value: equal values have equal
    scores, and of many people with the same value nobody is counted as above the others. Fewer than four cuts where a
    score is reached by nobody.
    """
    total, below, cuts = sum(counts.values()), 0, list[V]()
    for value in sorted(counts):
        while len(cuts) < BEST - 1 and below * BEST >= (len(cuts) + 1) * total:
            cuts.append(value)
        below += counts[value]
    return tuple(cuts)


def score(value: V, cuts: Sequence[V]) -> int:
    """1 to 5, the more the better; also for a value that nobody had when the cuts were made."""
    return 1 + bisect_right(cuts, value)


@dataclass(frozen=True)
class Population:
    """The cuts between the scores, as all buyers together made them. Money is compared within one currency."""

    buyers: int = 0
    recency: tuple[datetime, ...] = ()
    """Moments of last orders."""
    frequency: tuple[int, ...] = ()
    """Numbers of orders."""
    monetary: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)
    """Money spent, by currency; "" where no order named one."""

    def scores(self, last_order_at: datetime | None, orders: int, spent: Decimal, currency: str | None) -> Scores:
        """The scores of who has bought that; zeros for who has not, and as long as the population is not known."""
        if not self.buyers or not orders or last_order_at is None:
            return Scores()
        return Scores(
            recency=score(last_order_at, self.recency),
            frequency=score(orders, self.frequency),
            monetary=score(spent, self.monetary.get(currency or "", ())),
        )

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "recency": [moment.isoformat() for moment in self.recency],
            "frequency": [*self.frequency],
            "monetary": {currency: [str(amount) for amount in cuts] for currency, cuts in self.monetary.items()},
        }

    @classmethod
    def read(cls, buyers: int, plain: Mapping[str, Any]) -> Population:
        """From what `plain` gave."""
        return cls(
            buyers,
            tuple(datetime.fromisoformat(moment) for moment in plain["recency"]),
            tuple(plain["frequency"]),
            {currency: tuple(map(Decimal, cuts)) for currency, cuts in plain["monetary"].items()},
        )


class Count:
    """Buyers, one after the other, until the cuts between them are known."""

    def __init__(self) -> None:
        self.buyers = 0
        self._recency = Counter[datetime]()
        self._frequency = Counter[int]()
        self._monetary: dict[str, Counter[Decimal]] = {}

    def add(self, last_order_at: datetime, orders: int, spent: Decimal, currency: str | None) -> None:
        """Count one more."""
        self.buyers += 1
        self._recency[last_order_at] += 1
        self._frequency[orders] += 1
        self._monetary.setdefault(currency or "", Counter())[spent] += 1

    def population(self) -> Population:
        """What they make up together."""
        monetary = {currency: cuts_of(counts) for currency, counts in self._monetary.items()}
        return Population(self.buyers, cuts_of(self._recency), cuts_of(self._frequency), monetary)
