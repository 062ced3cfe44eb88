"""GA4 ecommerce events, as Google's reference shows them, in the words of the Segment spec.

https://developers.google.com/analytics/devguides/collection/ga4/reference/events
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from errors import EventError
from events import Event, OrderCompleted, ProductAdded
from ingestion.incoming import Incoming
from ingestion.segment import Call, messages
from ingestion.tags import GA4_NAMES
from tests.unit.ingestion.test_segment import NOW

# The item of Google's examples for add_to_cart and purchase.
ITEM = {
    "item_id": "SKU_12345",
    "item_name": "Stan and Friends Tee",
    "affiliation": "Google Merchandise Store",
    "coupon": "SUMMER_FUN",
    "discount": 2.22,
    "index": 0,
    "item_brand": "Google",
    "item_category": "Apparel",
    "item_category2": "Adult",
    "item_category3": "Shirts",
    "item_list_id": "related_products",
    "item_list_name": "Related Products",
    "item_variant": "green",
    "location_id": "ChIJIQBpAG2ahYAR_6128GcTUEo",
    "price": 10.01,
    "quantity": 3,
}


def translated(name: str, properties: dict[str, Any]) -> Incoming:
    (found,) = messages({"userId": "u", "event": name, "properties": properties}, Call("track", NOW, None, {}))
    assert isinstance(found, Incoming), found
    return found


def event(name: str, properties: dict[str, Any]) -> Event:
    found = translated(name, properties)
    return Event.kinds()[found.name].model_validate(
        {**found.properties, "event_id": found.event_id, "occurred_at": found.occurred_at}
    )


def test_add_to_cart() -> None:
    """add_to_cart is Product Added, with the facts of its item and an exact price."""
    added = event("add_to_cart", {"currency": "USD", "value": 30.03, "items": [ITEM]})
    assert isinstance(added, ProductAdded)
    assert (added.product_id, added.name, added.brand, added.category) == (
        "SKU_12345",
        "Stan and Friends Tee",
        "Google",
        "Apparel",
    )
    assert (added.price, added.quantity) == (Decimal("10.01"), 3)


def test_purchase() -> None:
    """purchase is Order Completed: its transaction is the order, its items are the products."""
    order = event(
        "purchase",
        {
            "transaction_id": "T_12345_1",
            "value": 30.03,
            "tax": 4.90,
            "shipping": 5.99,
            "currency": "USD",
            "coupon": "SUMMER_SALE",
            "items": [ITEM],
        },
    )
    assert isinstance(order, OrderCompleted)
    assert (order.order_id, order.value, order.currency, order.category) == (
        "T_12345_1",
        Decimal("30.03"),
        "USD",
        "Apparel",
    )
    assert [(line.product_id, line.quantity) for line in order.products] == [("SKU_12345", 3)]


@pytest.mark.parametrize(("theirs", "ours"), GA4_NAMES.items())
def test_every_name_is_one_of_ours(theirs: str, ours: str) -> None:
    """Each GA4 name we translate becomes an event that journeys can name."""
    assert translated(theirs, {"currency": "EUR", "value": 1, "items": [ITEM]}).name == ours
    assert ours in Event.kinds()


@pytest.mark.parametrize("items", [None, [], {}, "x", [None, 1, "x"]])
def test_odd_items(items: Any) -> None:
    """Items that are none are left out."""
    assert translated("view_cart", {"items": items}).properties.get("products", []) in ([], None)


def test_amounts_are_never_rounded() -> None:
    """An amount keeps every digit that was sent."""
    found = translated("Order Completed", {"value": 0.1, "products": [{"price": 19.99, "quantity": 1}]})
    assert (found.properties["value"], found.properties["products"][0]["price"]) == ("0.1", "19.99")


@pytest.mark.parametrize("products", ["x", 1, True, {"product_id": "p"}])
@pytest.mark.parametrize("name", ["Product Added", "add_to_cart"])
def test_no_list_of_products(name: str, products: Any) -> None:
    """T18: products that are no list are told to whoever sent them, also with an event of one product.

    Killed by: taking the first of whatever `products` is.
    """
    body = {"userId": "u", "event": name, "properties": {"product_id": "a", "products": products}}
    (found,) = messages(body, Call("track", NOW, None, {}))
    assert isinstance(found, EventError)
    assert str(found).startswith("Product Added: products: Input should be a list.")


@pytest.mark.parametrize("products", [None, [], ["x"], [None]])
def test_products_that_are_none(products: Any) -> None:
    """An event of one product that lists no other is that product."""
    assert translated("Product Added", {"product_id": "a", "products": products}).properties["product_id"] == "a"


def test_segment_names_of_the_total() -> None:
    """Order Completed of the Segment spec has a total or a revenue; the value is what the customer paid."""
    assert translated("Order Completed", {"total": 25, "revenue": 20}).properties["value"] == 25
    assert translated("Order Completed", {"revenue": 20}).properties["value"] == 20
    assert translated("Order Completed", {"value": 1, "revenue": 20}).properties["value"] == 1


def test_segment_ids_of_a_product() -> None:
    """A product without product_id is known by its sku, as older Segment clients send it."""
    assert translated("Product Added", {"sku": "G-32", "name": "Monopoly"}).properties["product_id"] == "G-32"
    assert translated("Product Added", {"sku": "G-32", "product_id": "p"}).properties["product_id"] == "p"


def test_unknown_names_stay() -> None:
    """An event that nobody knows keeps its name and everything in it."""
    found = translated("Level Up", {"items": [1], "id": "x", "ratio": 0.5})
    assert (found.name, found.properties) == ("Level Up", {"items": [1], "id": "x", "ratio": 0.5})


@pytest.mark.parametrize(
    ("cart", "is_empty"),
    [
        ({"products": []}, True),
        ({"products": [], "value": "59.90"}, True),
        ({"products": [{"product_id": "p", "quantity": "0"}]}, True),
        ({"value": 0}, True),
        ({"value": "0.00"}, True),
        ({"products": [{"product_id": "p"}], "value": 0}, False),
        ({"products": [{"product_id": "p", "quantity": 1}, {"product_id": "q", "quantity": 0}]}, False),
        ({"products": ["p"]}, False),
        ({"value": "59.90"}, False),
        ({}, False),
    ],
)
def test_a_cart_that_holds_nothing(cart: dict[str, Any], is_empty: bool) -> None:
    """A cart that lists no products, or none at all and a value of 0, was emptied; one that tells nothing was not.

    Killed by: judging an empty list by its value, a list by its first line, or a list of no lines as an empty one.
    """
    found = translated("Cart Updated", {"cart_id": "c"} | cart)
    assert found.name == ("Cart Emptied" if is_empty else "Cart Updated")
    assert found.properties["cart_id"] == "c"


def test_a_cart_id_that_says_nothing() -> None:
    """An empty cart id is none: without this a Cart Emptied with it would end every cart's journey.

    Killed by: keeping it.
    """
    assert "cart_id" not in translated("Cart Emptied", {"cart_id": ""}).properties
