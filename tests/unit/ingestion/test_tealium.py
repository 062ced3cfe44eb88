"""How Tealium's events become messages of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from errors import EventError
from events import CartViewed, Event, OrderCompleted, ProductAdded
from ingestion.incoming import Incoming
from ingestion.segment import Call
from ingestion.tealium import tealium_events

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALL = Call("batch", NOW, "203.0.113.9", {"user-agent": "Apache-HttpClient/4.5.1"})
# What Tealium's shop data layer says of a purchase: parallel lists of texts, and nothing is "".
PURCHASE: dict[str, Any] = {
    "tealium_account": "northwind",
    "tealium_profile": "main",
    "tealium_event": "purchase",
    "tealium_visitor_id": "01953c8d4f2a",
    "tealium_timestamp_epoch": 1772363400,
    "customer_id": "u-42",
    "customer_email": "ada@example.com",
    "customer_first_name": "Ada",
    "customer_city": "Berlin",
    "order_id": "145032915",
    "order_total": "811.88",
    "order_currency": "USD",
    "order_payment_type": "Cash On Delivery",
    "product_id": ["406", "337"],
    "product_sku": ["msj013", "ace000"],
    "product_name": ["Linen Blazer", "Aviator Sunglasses"],
    "product_brand": [None, None],
    "product_category": [],
    "product_unit_price": ["455.00", "295.00"],
    "product_price": ["500.00", "300.00"],
    "product_quantity": ["1", "2"],
    "cp.utag_main_v_id": "a cookie",
}


def read(**changes: Any) -> Incoming:
    (found,) = tealium_events(PURCHASE | changes, CALL)
    assert isinstance(found, Incoming), found
    return found


def event(found: Incoming) -> Event:
    return Event.kinds()[found.name].model_validate(
        {**found.properties, "event_id": found.event_id, "occurred_at": found.occurred_at}
    )


def test_purchase() -> None:
    """A purchase becomes an order with its lines, price by price; visitor and customer are the person.

    Killed by: preferring product_price, which is the list price, to product_unit_price.
    """
    found = read()
    assert (found.user_id, found.anonymous_id) == ("u-42", "01953c8d4f2a")
    assert found.occurred_at == datetime(2026, 3, 1, 11, 10, tzinfo=UTC)
    order = event(found)
    assert isinstance(order, OrderCompleted)
    assert (order.order_id, order.value, order.currency) == ("145032915", Decimal("811.88"), "USD")
    assert [(line.product_id, line.name, line.price, line.quantity) for line in order.products] == [
        ("406", "Linen Blazer", Decimal("455.00"), 1),
        ("337", "Aviator Sunglasses", Decimal("295.00"), 2),
    ]
    assert found.properties["order_payment_type"] == "Cash On Delivery"


def test_a_person() -> None:
    """What the data layer tells of the customer becomes traits; nothing of it, and no cookie, stays in the event.

    Killed by: keeping customer_ or cp. among the properties.
    """
    found = read()
    assert found.traits == {"email": "ada@example.com", "firstName": "Ada"}
    kept = repr(dict(found.properties))
    assert not [told for told in ("ada", "Berlin", "cookie", "northwind") if told in kept]


@pytest.mark.parametrize("wrapped", [list, lambda value: value], ids=["lists", "single values"])
def test_cart_add(wrapped: Any) -> None:
    """What was added is the product, not everything that is in the cart by now.

    Killed by: reading the cart_product_ lists here.
    """
    product = {"product_id": "p-1", "product_name": "Tent", "product_unit_price": 59.9, "product_quantity": 2}
    cart = {"cart_product_id": ["p-0", "p-1"], "cart_product_quantity": [1, 2], "cart_total_value": "77.96"}
    body = {"tealium_event": "cart_add", "tealium_visitor_id": "v"} | cart
    body |= {name: [value] for name, value in product.items()} if wrapped is list else product
    (found,) = tealium_events(body, CALL)
    assert isinstance(found, Incoming), found
    added = event(found)
    assert isinstance(added, ProductAdded)
    assert [(line.product_id, line.price, line.quantity) for line in added.products] == [("p-1", Decimal("59.9"), 2)]
    assert (added.product_id, added.quantity) == ("p-1", 2)
    assert "value" not in found.properties


def test_cart_view() -> None:
    """A look at the cart tells all of it, and what it is worth.

    Killed by: reading the product_ lists here.
    """
    cart = {"cart_product_id": ["p-0", "p-1"], "cart_product_quantity": [1, 2], "cart_total_value": "77.96"}
    (found,) = tealium_events({"tealium_event": "cart_view", "customer_id": "u", "product_id": ["p-9"]} | cart, CALL)
    assert isinstance(found, Incoming), found
    seen = event(found)
    assert isinstance(seen, CartViewed)
    assert [(line.product_id, line.quantity) for line in seen.products] == [("p-0", 1), ("p-1", 2)]
    assert seen.value == Decimal("77.96")


def test_as_eventstream_keeps_it() -> None:
    """EventStream's own form, with the data layer inside, is the same event; its id is what makes it known again.

    Killed by: leaving out the event id.
    """
    body = {
        "account": "northwind",
        "profile": "main",
        "event_id": "e-1",
        "visitor_id": "v-1",
        "post_time": 1772363400000,
        "client_ip": "192.0.2.1",
        "useragent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)",
        "page_url": {"full_url": "https://shop.example.com/thanks"},
        "data": {
            "udo": {"tealium_event": "purchase", "order_id": "o-1", "order_total": 10, "customer_id": ""},
            "dom": {"referrer": "https://search.example.com/", "pathname": "/thanks"},
            "firstparty_tealium_cookies": {"utag_main": "a cookie"},
        },
    }
    (found,) = tealium_events(body, CALL)
    assert isinstance(found, Incoming), found
    assert (found.event_id, found.name, found.user_id, found.anonymous_id) == ("e-1", "Order Completed", None, "v-1")
    assert found.occurred_at == datetime(2026, 3, 1, 11, 10, tzinfo=UTC)
    assert found.ip == "192.0.2.1"
    assert str(found.context["userAgent"]).startswith("Mozilla/5.0 (iPhone")
    assert found.context["page"]["referrer"] == "https://search.example.com/"
    assert found.properties == {"order_id": "o-1", "total": 10, "value": 10}


def test_several() -> None:
    """B5: several events come in a list, or under events with what they share; each is read for itself.

    Killed by: letting what is shared win.
    """
    shared = {"tealium_visitor_id": "v-1", "customer_id": "u-1"}
    body = {"shared": shared, "events": [{"tealium_event": "search", "customer_id": "u-2"}, {}, 1]}
    first, *others = tealium_events(body, CALL)
    assert isinstance(first, Incoming), first
    assert (first.name, first.user_id, first.anonymous_id) == ("Products Searched", "u-2", "v-1")
    assert all(isinstance(each, EventError) for each in others)
    assert len(tealium_events([PURCHASE, PURCHASE], CALL)) == 2


def test_context() -> None:
    """The connection is Tealium's: its address and its program are nobody's.

    Killed by: keeping the call's peer and headers.
    """
    found = read()
    assert (found.ip, found.peer, found.headers) == (None, None, {})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"tealium_event": ""}, "tealium_event"),
        ({"tealium_event": 7}, "tealium_event"),
        ({"tealium_visitor_id": "", "customer_id": ""}, "tealium_visitor_id"),
        ({"tealium_timestamp_epoch": "9" * 400}, "tealium_timestamp_epoch"),
        ({"tealium_timestamp_epoch": [1]}, "tealium_timestamp_epoch"),
        ({"product_quantity": ["many"]}, "Order Completed"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], name: str) -> None:
    """What cannot be read is refused by Tealium's own name for it.

    Killed by: letting messages() find what is missing.
    """
    (found,) = tealium_events(PURCHASE | changes, CALL)
    assert isinstance(found, EventError), found
    assert str(found).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("told", "products"),
    [
        ({"cart_product_id": []}, []),
        ({"cart_total_items": "0"}, []),
        ({"cart_product_id": [], "cart_product_sku": ["s"]}, [{"sku": "s"}]),
        ({"cart_product_id": ""}, None),
        ({"cart_product_category": []}, None),
        ({}, None),
    ],
)
def test_a_view_of_an_empty_cart(told: dict[str, Any], products: Any) -> None:
    """An empty list of ids, or a count of 0, says that nothing is in the cart; what is not known says nothing.

    Killed by: leaving out an empty list of products; taking any empty list for one of the cart.
    """
    (found,) = tealium_events({"tealium_event": "cart_view", "customer_id": "u"} | told, CALL)
    assert isinstance(found, Incoming), found
    lines = found.properties.get("products")
    assert (lines and [{"sku": line["sku"]} for line in lines]) == products if products else lines == products


def test_cart_empty() -> None:
    """`cart_empty` is Cart Emptied, of the cart it names if it names one.

    Killed by: its name not being translated.
    """
    (found,) = tealium_events({"tealium_event": "cart_empty", "customer_id": "u", "cart_id": "c"}, CALL)
    assert isinstance(found, Incoming), found
    assert (found.name, found.properties["cart_id"]) == ("Cart Emptied", "c")
