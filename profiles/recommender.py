"""What a person may like next, by what they have looked at, put into the cart and bought, and what others did who did the same."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Any

from events import OrderCompleted, ProductAdded, ProductViewed

WEIGHTS = {ProductViewed.event_name: 1.0, ProductAdded.event_name: 3.0, OrderCompleted.event_name: 5.0}
"""What one event about a product says of the interest in it, by the event's name."""
HALF_LIFE = timedelta(days=90)
"""After which it says half as much."""
CATEGORY, POPULAR = 0.1, 0.1
"""What a favourite category and popularity add, where what goes best with what the person knows has 1."""
POPULAR_FIRST, OF_EACH = 100, 20
"""How many of the most popular products are always weighed, and of each of the favourite categories."""
MOST_KNOWN = 200
"""Of so many products of one person, those they care for most, is told what goes with them."""
LONGEST_ID = 200


@dataclass(frozen=True)
class Touch:
    """One product, and what a person did with it; `name` is that of the event."""

    name: str
    product_id: str
    category: str | None
    at: datetime

    @property
    def is_bought(self) -> bool:
        return self.name == OrderCompleted.event_name


def lines_of(properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The products that an event's properties name, as they came; those without a usable id are left out."""
    lines = properties.get("products")
    found = lines if isinstance(lines, list) and lines else [properties]
    return [line for line in found if isinstance(line, dict) and product_id_of(line)]


def product_id_of(line: Mapping[str, Any]) -> str:
    """The id as text, as keys are compared; empty where there is none that can be one."""
    value = line.get("product_id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value).strip()
    return text if len(text) <= LONGEST_ID else ""


def text_of(line: Mapping[str, Any], name: str, longest: int = 500) -> str | None:
    """A text of a product's line; None for none, for what is no text and for what is too long to be one."""
    value = line.get(name)
    return value.strip() if isinstance(value, str) and 0 < len(value.strip()) <= longest else None


def touches_in(name: str, at: datetime, properties: Mapping[str, Any]) -> list[Touch]:
    """What one stored event says about products."""
    return [Touch(name, product_id_of(line), text_of(line, "category"), at) for line in lines_of(properties)]


def interest_of(touches: Iterable[Touch], now: datetime) -> dict[str, float]:
    """How much a person cares for each product, 0 to 1, by what all events say, each halved every HALF_LIFE."""
    points: defaultdict[str, float] = defaultdict(float)
    for touch in touches:
        age = max(now - touch.at, timedelta(0)) / HALF_LIFE
        points[touch.product_id] += WEIGHTS[touch.name] * 0.5**age
    return {product: saturated(value) for product, value in points.items()}


def saturated(points: Any) -> Any:
    """Interest, 0 to 1: a look at a product is a half, and no number of purchases more than a whole. For arrays too."""
    return points / (points + 1.0)


@dataclass(frozen=True)
class Recommender:
    """Products by number, each with those most like it. Arrays, since lists of a hundred thousand numbers are large."""

    ids: Sequence[str]
    categories: Sequence[str]
    category_of: array[int]
    """For each product the number of its category, -1 where it has none."""
    popularity: array[float]
    """For each product how many people care for it and how lately, 0 to 1; the products stand in this order."""
    width: int
    near: array[int]
    """For each product `width` numbers of others, those that say most first; filled up with -1."""
    likeness: array[float]
    """For each of `near` what the interest in the product says of it, also that it is not wanted."""
    facts: Sequence[Mapping[str, Any]] = ()
    """For each product what the newest events say of it; empty where a catalogue says it."""
    places: Mapping[str, int] = field(default_factory=dict)
    firsts: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """The most popular products of each category."""

    @classmethod
    def of(cls, ids: Sequence[str], **rest: Any) -> Recommender:
        """With what can be looked up in it."""
        firsts: defaultdict[int, list[int]] = defaultdict(list)
        for place, category in enumerate(rest["category_of"]):
            if category >= 0 and len(firsts[category]) < OF_EACH:
                firsts[category].append(place)
        return cls(ids, **rest, places={product: place for place, product in enumerate(ids)}, firsts=dict(firsts))

    def ranked(self, touches: Sequence[Touch], now: datetime, most: int) -> list[str]:
        """Ids of products, the most promising first; also of what the person has bought. Without touches the popular ones."""
        interest = interest_of(touches, now)
        first = sorted(interest, key=lambda product: -interest[product])[:MOST_KNOWN]
        known = {self.places[product]: interest[product] for product in first if product in self.places}
        alike: defaultdict[int, float] = defaultdict(float)
        for place, value in known.items():
            for at in range(place * self.width, (place + 1) * self.width):
                if (other := self.near[at]) < 0:
                    break
                alike[other] += value * self.likeness[at]
        wishes = self._wishes(known)
        candidates = {*alike, *range(min(POPULAR_FIRST, len(self.ids))), *self._of_categories(wishes)}
        best = max(alike.values(), default=0.0)
        scale = 1.0 / best if best > 0.0 else 1.0
        promises = [
            (
                -alike.get(place, 0.0) * scale
                - CATEGORY * wishes.get(self.category_of[place], 0.0)
                - POPULAR * self.popularity[place],
                place,
            )
            for place in candidates
        ]
        return [self.ids[place] for _, place in nsmallest(most, promises)]

    def told_of(self, product_id: str) -> dict[str, Any]:
        """What the events say of a product: name, category, brand, price, currency, url and image_url, where they do."""
        place = self.places.get(product_id)
        if place is None or not self.facts:
            return {}
        category = self.category_of[place]
        return dict(self.facts[place]) | ({"category": self.categories[category]} if category >= 0 else {})

    def _wishes(self, known: Mapping[int, float]) -> dict[int, float]:
        """Each category's part of the person's interest, 0 to 1."""
        shares: defaultdict[int, float] = defaultdict(float)
        for place, value in known.items():
            if self.category_of[place] >= 0:
                shares[self.category_of[place]] += value
        total = sum(shares.values()) or 1.0
        return {category: value / total for category, value in shares.items()}

    def _of_categories(self, wishes: Mapping[int, float]) -> list[int]:
        """The most popular products of the three favourite categories."""
        favourites = sorted(wishes, key=lambda category: (-wishes[category], category))[:3]
        return [place for category in favourites for place in self.firsts.get(category, ())]
