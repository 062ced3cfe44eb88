"""A shop, a person and facts, as the rendering tests know them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from activities.rendering import Shop, Templates
from messages import Channel

ROOT = Path(__file__).parents[3] / "templates"
SHOP = Shop("Fjord & Fern", "https://shop.example", "Hafenstraße 1\n20457 Hamburg", "help@shop.example")
UNSUBSCRIBE = "https://shop.example/unsubscribe?t=abc&x=1"


@pytest.fixture(scope="session")
def templates() -> Templates:
    return Templates(ROOT, shop=SHOP)


@pytest.fixture(scope="session")
def every(templates: Templates) -> list[tuple[Channel, str, str]]:
    """Every template in every language."""
    return [
        (channel, name, language)
        for channel in get_args(Channel)
        for name in templates.names(channel)
        for language in templates.languages(channel, name)
    ]


@pytest.fixture
def data() -> dict[str, Any]:
    """Everything a journey may pass."""
    basket = {
        "value": "159.90",
        "currency": "EUR",
        "coupon": None,
        "products": [
            {
                "product_id": "p-1",
                "name": "Blue Shoes",
                "category": "Shoes",
                "brand": None,
                "price": "59.90",
                "quantity": 1,
                "url": "https://shop.example/p/1",
                "image_url": "https://shop.example/p/1.png",
            },
            {"product_id": "p-2", "name": "Wool Hat", "price": "50", "quantity": 2, "url": None, "image_url": None},
        ],
    }
    return {
        "cart": {"cart_id": "c-17", **basket},
        "order": {"order_id": "o-7", **basket},
        "category": "Shoes",
        "offer": "pickup",
        "store": "Hamburg Altona",
        "code": "HELLO10",
        "variant": "name",
        "link": "https://shop.example/cart",
        "profile_done": True,
        "unsubscribe_url": UNSUBSCRIBE,
    }


@pytest.fixture
def person() -> dict[str, Any]:
    return {
        "first_name": "Ada",
        "language": "en",
        "country": "DE",
        "segments": ["high_value"],
        "favourite_category": "Shoes",
        "orders": 3,
        "spent": "420.00",
    }
