"""What a real page pushes for a tag manager becomes events and a cart, by the tag that the guide says to add."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from playwright.async_api import Page

from events import CartUpdated
from tests.browsing import PAGE_KEY, Shop, needs_browser
from tests.docs.blocks import blocks
from tests.servers import wait_until

pytestmark = needs_browser
(TAG,) = (block.text for block in blocks("gtm.md") if block.language == "html")
TENT = {
    "item_id": "p-1",
    "item_name": "Tent",
    "item_brand": "Fjord",
    "item_category": "camping",
    "index": 0,
    "price": 59.9,
}
SOCKS = {"item_id": "p-2", "item_name": "Socks", "item_category": "clothes", "price": 4.5, "quantity": 3}

# Tag Manager puts the text of a Custom HTML tag into a script element, marks what is pushed, and wraps `push` itself.
CONTAINER = """tag => {
    const script = document.createElement('script');
    script.text = tag;
    document.body.append(script);
    let number = 0;
    const push = dataLayer.push;
    dataLayer.push = function (...entries) {
        entries.forEach((entry) => { Object(entry)['gtm.uniqueEventId'] = number++; });
        return push.apply(dataLayer, entries);
    };
}"""


def ecommerce(event: str, *items: dict[str, Any], **facts: Any) -> list[dict[str, Any]]:
    """The two pushes of GA4's guide."""
    return [{"ecommerce": None}, {"event": event, "ecommerce": {"currency": "EUR", **facts, "items": items}}]


async def tagged(shop: Shop, *before: dict[str, Any]) -> Page:
    """A page with a container, and what was pushed before it ran."""
    shop.website.head = f"<script>window.dataLayer = {json.dumps(before)};</script>"
    page = await shop.visit("/tents/p-1")
    tag = TAG.removeprefix("<script>\n").removesuffix("</script>\n")
    assert "events.example.com" in tag
    tag = tag.replace("https://events.example.com", shop.settings.front_door).replace("PAGE_KEY", PAGE_KEY)
    await page.evaluate(CONTAINER, tag)
    return page


async def test_data_layer(shop: Shop) -> None:
    """Everything from looking at a product to the purchase arrives under its name, whether it was pushed before the tag ran or
    after it, and the cart is what the pushes say; what is Tag Manager's own does not arrive.

    Killed by: not taking what is in the layer already, or not wrapping `push`.
    """
    start = [{"event": "gtm.js", "gtm.start": 1}, *ecommerce("view_item", TENT, value=59.9)]
    page = await tagged(shop, *start)
    await shop.events("Product Viewed", count=1)
    pushed = [
        {"event": "gtm.dom"},
        {"event": "login", "user_id": "u-42", "user_data": {"email": "ada@example.com"}},
        *ecommerce("add_to_cart", TENT | {"quantity": 2}, value=119.8),
        *ecommerce("add_to_cart", SOCKS, value=13.5),
        *ecommerce("remove_from_cart", SOCKS | {"quantity": 1}, value=4.5),
        *ecommerce("begin_checkout", TENT | {"quantity": 2}, SOCKS | {"quantity": 2}, value=128.8, coupon="SUMMER"),
    ]
    await page.evaluate("entries => dataLayer.push(...entries)", pushed)
    carts = [CartUpdated.model_validate(_facts(row)) for row in await shop.events("Cart Updated", count=3)]
    assert [(cart.value, cart.currency) for cart in carts] == [
        (Decimal("119.8"), "EUR"),
        (Decimal("133.3"), "EUR"),
        (Decimal("128.8"), "EUR"),
    ]
    assert [(line.product_id, line.quantity) for line in carts[2].products] == [("p-1", 2), ("p-2", 2)]
    assert len({cart.cart_id for cart in carts}) == 1
    bought = ecommerce("purchase", TENT | {"quantity": 2}, transaction_id="o-1", value=119.8, tax=19.1, shipping=0)
    await page.evaluate("entries => dataLayer.push(...entries)", bought)
    (order,) = await shop.events("Order Completed", count=1)
    assert (order.properties["order_id"], order.properties["value"]) == ("o-1", "119.8")
    rows = await shop.events()
    assert [row.name for row in rows if row.name != "Cart Updated"] == [
        "Page Viewed",
        "Product Viewed",
        "Identified",
        "login",
        "Product Added",
        "Product Added",
        "Product Removed",
        "Checkout Started",
        "Order Completed",
    ]
    assert {row.user_id for row in rows} == {"u-42"}
    viewed = rows[1].properties
    assert (viewed["product_id"], viewed["name"], viewed["category"], viewed["brand"], viewed["price"]) == (
        *("p-1", "Tent", "camping", "Fjord"),
        "59.9",
    )
    everything = await shop.door.everything()
    assert "gtm." not in everything
    assert "ada@example.com" not in everything
    assert shop.problems == []


async def test_gtag(shop: Shop) -> None:
    """The same from pages that say gtag('event', …), which puts its arguments into the layer as they are; what gtag is told
    besides is no event.

    Killed by: reading an entry as an object alone.
    """
    page = await tagged(shop)
    await page.evaluate("window.gtag = function () { dataLayer.push(arguments); }")
    said: list[list[Any]] = [
        ["consent", "default", {"analytics_storage": "granted"}],
        ["config", "G-1", {"user_id": "u-7", "send_page_view": False}],
        ["set", {"currency": "EUR"}],
        ["event", "page_view", {"page_title": "told twice"}],
        ["event", "add_to_cart", {"currency": "EUR", "value": 59.9, "items": [TENT]}],
        ["event", "sign_up"],
        ["event", "remove_from_cart", {"currency": "EUR", "value": 59.9, "items": [TENT]}],
        ["get", "G-1", "client_id"],
    ]
    await page.evaluate("said => { gtag('js', new Date()); for (const each of said) gtag(...each); }", said)
    rows = await shop.events(count=7)
    assert [row.name for row in rows] == [
        "Page Viewed",
        "Identified",
        "Product Added",
        "Cart Updated",
        "Signed Up",
        "Product Removed",
        "Cart Emptied",
    ]
    assert {row.user_id for row in rows} == {"u-7"}
    assert rows[2].properties["currency"] == "EUR"
    assert shop.problems == []


async def test_odd_things(shop: Shop) -> None:
    """Whatever else lies in a layer harms nobody: functions, lists, texts, nothing, what is no JSON, and a layer of
    another name.

    Killed by: hearing entries without `attempt`.
    """
    page = await tagged(shop)
    await shop.events("Page Viewed", count=1)
    await page.evaluate(
        """() => {
            dataLayer.push(() => 1, null, undefined, 'event', 7, ['event'], [], {event: 5}, {event: ''}, {ecommerce: {items: 1}});
            journeyman('dataLayer', 'other');
            journeyman('dataLayer', 'other');
            other.push({event: 'One', eventCallback() {}});
            const ring = {event: 'Ring'}; ring.ring = ring;
            dataLayer.push(ring);
            dataLayer.push({event: 'Two'});
        }"""
    )
    rows = await shop.events(count=3)
    assert [row.name for row in rows] == ["Page Viewed", "One", "Two"]
    await wait_until(lambda: shop.problems)
    (problem,) = shop.problems
    assert problem.startswith("journeyman: ")


def _facts(row: Any) -> dict[str, Any]:
    return {**row.properties, "event_id": row.event_id, "occurred_at": row.occurred_at}
