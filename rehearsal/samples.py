"""What an event of a kind looks like when somebody made up causes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from events import Basket, Delivery, Event, Identified, Product

LINE = {
    "product_id": "p-1",
    "name": "Trail running shoes",
    "category": "shoes",
    "brand": "Northwind",
    "price": "59.90",
    "quantity": 1,
    "url": "https://shop.example.com/p/p-1",
}
WORDS = {
    "content_asset_id": "v-1",
    "file_name": "guide.pdf",
    "path": "/",
    "category": "shoes",
    "link": "shop.example.com/p-1",
}
DERIVED = ("Zone Changed", "Date Changed", "Enrolled")
"""What no client sends; it follows from something else."""


@dataclass(frozen=True)
class Sample:
    """One thing that may happen; `words` tell it from other things of the same kind."""

    event: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""
    second_hand: bool = False
    """Whether a provider tells it, and not the person's own device."""

    def __str__(self) -> str:
        return f"{self.event} ({self.words})" if self.words else self.event


def samples(kind: type[Event], key: str | None = None) -> list[Sample]:
    """Things of that kind that a journey may tell apart; of a group of kinds one stands for all.

    `key` is the field that the journey is one per: it is the same in all of them.
    """
    name, known = next(((name, each) for name, each in kind.kinds().items() if name not in DERIVED), ("", kind))
    if not name:
        return []
    if known is Identified:
        return [
            Sample(name, words="profile complete", traits={"birthday": "1990-04-01"}),
            Sample(name, words="profile not complete", traits={"firstName": "Ada"}),
        ]
    if issubclass(known, Delivery):
        return [Sample(name, second_hand=True)]
    properties = _properties(known, key)
    switches = sorted(name for name, each in known.model_fields.items() if each.annotation is bool)
    found = []
    for chosen in product((True, False), repeat=len(switches)):
        set_ = dict(zip(switches, chosen, strict=True))
        words = ", ".join(switch if on else f"not {switch}" for switch, on in set_.items())
        found.append(Sample(name, properties | set_, words=words))
    return found


def openings(kind: type[Event], key: str | None = None) -> list[Sample]:
    """Things that may open a journey: as `samples`, and baskets whose products have no category."""
    found = samples(kind, key)
    if issubclass(kind, Basket):
        plain = {**found[0].properties, "products": [{k: v for k, v in LINE.items() if k != "category"}]}
        found.append(Sample(found[0].event, plain, words="no category"))
    return found


def _properties(kind: type[Event], key: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if issubclass(kind, Product):
        found |= LINE
    if issubclass(kind, Basket):
        found |= {"value": "59.90", "currency": "EUR", "products": [LINE]}
    for name in kind.model_fields:
        if name == key or name in ("cart_id", "order_id"):
            found[name] = f"{name.removesuffix('_id')}-1"
        elif name in WORDS and name not in found:
            found[name] = WORDS[name]
    return found
