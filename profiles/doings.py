"""What everybody has done, small enough to learn from: who, when, and with which product."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from events import Activity, OrderCompleted, ProductAdded, ProductViewed

from .forecast import habits_of
from .recommender import WEIGHTS, Touch, product_id_of, text_of, touches_in

NAMES = frozenset(Activity.kinds())
"""Names of the events that are read."""
DAY = 86_400.0
FACTS = {"name": 500, "brand": 500, "url": 1000, "image_url": 1000}
"""What is kept of a product as the events tell it, and how long it may be."""


@dataclass
class Diary:
    """One person's moments, in seconds since 1970, sorted; of each kind those that forecasts are told by."""

    seen: list[float] = field(default_factory=list)
    orders: list[float] = field(default_factory=list)
    views: list[float] = field(default_factory=list)
    adds: list[float] = field(default_factory=list)

    def habits(self, at: float) -> tuple[float, ...]:
        """The measures as they were at that moment."""
        return habits_of(
            _since(self.orders, at),
            _within(self.orders, at, 30),
            _within(self.orders, at, 90),
            _since(self.seen, at),
            _within(self.views, at, 7),
            _within(self.adds, at, 7),
        )

    def orders_within(self, at: float, seconds: float) -> bool:
        """Whether the person has ordered after `at`, within that time."""
        return bisect_right(self.orders, at + seconds) > bisect_right(self.orders, at)


@dataclass
class Doings:
    """Filled event by event. Whoever is not known is learned from as a person of their own, and foretold nothing."""

    people: dict[str, int] = field(default_factory=dict)
    products: dict[str, int] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)
    facts: dict[int, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    """What the newest event says of each product."""
    category_of: dict[int, int] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    """Numbers of the people who have an id."""
    names: tuple[str, ...] = tuple(sorted(NAMES))
    person: array[int] = field(default_factory=lambda: array("I"))
    name: array[int] = field(default_factory=lambda: array("B"))
    at: array[float] = field(default_factory=lambda: array("d"))
    line_person: array[int] = field(default_factory=lambda: array("I"))
    line_product: array[int] = field(default_factory=lambda: array("I"))
    line_name: array[int] = field(default_factory=lambda: array("B"))
    line_at: array[float] = field(default_factory=lambda: array("d"))

    def add(
        self, user_id: str | None, anonymous_id: str | None, name: str, at: datetime, properties: Mapping[str, Any]
    ) -> None:
        """One stored event; of a kind that is not in NAMES nothing is learned."""
        if name not in NAMES or not (user_id or anonymous_id):
            return
        # No id of a person can begin so.
        who = self.people.setdefault(user_id or f"\0{anonymous_id}", len(self.people))
        if user_id:
            self.known.add(who)
        code, moment = self.names.index(name), at.timestamp()
        self.person.append(who)
        self.name.append(code)
        self.at.append(moment)
        if name not in WEIGHTS:
            return
        for touch in touches_in(name, at, properties):
            product = self.products.setdefault(touch.product_id, len(self.products))
            if touch.category:
                self.category_of[product] = self.categories.setdefault(touch.category, len(self.categories))
            self.line_person.append(who)
            self.line_product.append(product)
            self.line_name.append(code)
            self.line_at.append(moment)
        self._note(moment, properties)

    def _note(self, moment: float, properties: Mapping[str, Any]) -> None:
        """Remember what the newest event says of each of its products."""
        lines = properties.get("products")
        for line in lines if isinstance(lines, list) and lines else [properties]:
            if not isinstance(line, dict) or (product := self.products.get(product_id_of(line))) is None:
                continue
            before = self.facts.get(product)
            if before is not None and before[0] > moment:
                continue
            facts = {name: text for name, longest in FACTS.items() if (text := text_of(line, name, longest))}
            price = line.get("price")
            if isinstance(price, str | int | float) and not isinstance(price, bool):
                facts["price"] = str(price)
                currency = text_of(line, "currency", 3) or text_of(properties, "currency", 3)
                facts |= {"currency": currency} if currency else {}
            # An event that leaves something out does not make us forget it.
            self.facts[product] = moment, (before[1] if before else {}) | facts

    def diaries(self) -> dict[int, Diary]:
        """Of everybody who has an id."""
        found = {who: Diary() for who in self.known}
        order, view, add = (self.names.index(kind.event_name) for kind in (OrderCompleted, ProductViewed, ProductAdded))
        for who, code, moment in sorted(zip(self.person, self.name, self.at, strict=True), key=lambda row: row[2]):
            if (diary := found.get(who)) is None:
                continue
            diary.seen.append(moment)
            if code == order:
                diary.orders.append(moment)
            elif code == view:
                diary.views.append(moment)
            elif code == add:
                diary.adds.append(moment)
        return found

    def touches(self, wanted: set[int]) -> dict[int, list[Touch]]:
        """What these people did with products, oldest first."""
        ids, names = [*self.products], [*self.categories]
        found: dict[int, list[Touch]] = {who: [] for who in wanted}
        rows = zip(self.line_person, self.line_product, self.line_name, self.line_at, strict=True)
        for who, product, code, moment in sorted(rows, key=lambda row: row[3]):
            if who in found:
                category = self.category_of.get(product)
                found[who].append(
                    Touch(
                        self.names[code],
                        ids[product],
                        None if category is None else names[category],
                        datetime.fromtimestamp(moment, UTC),
                    )
                )
        return found


def _since(moments: Sequence[float], at: float) -> float | None:
    place = bisect_right(moments, at)
    return (at - moments[place - 1]) / DAY if place else None


def _within(moments: Sequence[float], at: float, days: int) -> int:
    return bisect_right(moments, at) - bisect_left(moments, at - days * DAY)
