"""A shop that the tests make up: campers and tea drinkers, each of whom cares for products of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from ingestion.incoming import Incoming
from profiles.doings import Doings
from tests.door import said

DAY = timedelta(days=1)
KINDS = {
    "camper": [("tent", "Tents"), ("mat", "Tents"), ("stove", "Cooking"), ("lamp", "Tents")],
    "drinker": [("mug", "Tea"), ("pot", "Tea"), ("sieve", "Tea"), ("green", "Leaves")],
}
NAMES = {product: product.capitalize() for lines in KINDS.values() for product, _ in lines}
Told = tuple[str, str, timedelta, dict[str, Any]]
"""Who, the name of the event, how long ago, its properties."""


def line(product: str, category: str, **more: Any) -> dict[str, Any]:
    """One product as a client names it."""
    return {
        "product_id": product,
        "name": NAMES[product],
        "category": category,
        "price": "19.90",
        "url": f"https://shop.example.com/{product}",
        "image_url": f"https://cdn.example.com/{product}.jpg",
        **more,
    }


def events(people: int = 60, seed: int = 1) -> Iterator[Told]:
    """Half of them of each kind: they look at all of theirs but one, and every third day or so buys somebody busy."""
    chance = Random(seed)
    for number in range(people):
        kind = "camper" if number % 2 else "drinker"
        user, wares = f"{kind}-{number}", KINDS[kind]
        busy = number % 4 < 2
        for step in range(12):
            ago = DAY * (chance.random() * 90 + 0.5)
            product, category = wares[chance.randrange(len(wares) - 1)]
            yield user, "Product Viewed", ago, line(product, category)
            if busy and step % 2:
                order = {"order_id": f"{user}-{step}", "currency": "EUR", "products": [line(product, category)]}
                yield user, "Order Completed", ago - DAY / 4, order
        if number % 6 < 2:
            # Some know all of them, so that the last goes with the others.
            product, category = wares[-1]
            yield user, "Product Added", DAY * 20, line(product, category, quantity=1)


def doings(now: datetime, told: Iterator[Told] | None = None) -> Doings:
    """All of it, ready to be learned from."""
    found = Doings()
    for user, name, ago, properties in told or events():
        found.add(user, None, name, now - ago, properties)
    return found


def incoming(people: int = 60) -> list[Incoming]:
    """All of it, as a door hands it to accept."""
    return [said(user, name, ago=ago, **properties) for user, name, ago, properties in events(people)]


def moment() -> datetime:
    """A noon to learn at."""
    return datetime(2026, 3, 1, 12, tzinfo=UTC)
