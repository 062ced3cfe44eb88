"""What accept derives of carts, in the transaction that takes the event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from storage.tables import carts
from tests.door import Door, opened_door, said

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


async def derived(door: Door) -> list[tuple[str, Any]]:
    """Ids and values of the cart events, in order; no value for a cart that is empty."""
    return [(row.event_id, row.properties.get("value")) for row in await door.stored("Cart Updated", "Cart Emptied")]


async def keys(door: Door, *names: str) -> list[Any]:
    """The cart ids of these events, in order."""
    return [row.properties.get("cart_id") for row in await door.stored(*names)]


async def test_a_cart_without_an_id(door: Door) -> None:
    """Products that are added and removed without a cart id are one cart, whose updates bear the ids of their causes."""
    await door.take(said("u", "Product Added", id="1", product_id="p", price="10", quantity=2, currency="EUR"))
    await door.take(said("u", "Product Added", id="2", product_id="q", price="5.50"))
    await door.take(
        said("u", "Product Removed", id="3", product_id="q"),
        said("u", "Product Removed", id="4", product_id="p", quantity=2),
    )
    assert await derived(door) == [("1:cart", "20"), ("2:cart", "25.50"), ("3:cart", "20"), ("4:cart", None)]
    assert len(set(await keys(door, "Cart Updated", "Cart Emptied"))) == 1
    assert {f"{number}:cart" for number in range(1, 5)} <= await door.routed()
    updated = (await door.stored("Cart Updated"))[0]
    assert (updated.properties["currency"], updated.properties["products"][0]["quantity"]) == ("EUR", 2)
    assert updated.user_id == "u"


async def test_ga4(door: Door) -> None:
    """What GA4's tags send of a cart is folded as Segment's is: a view tells all, a checkout of the same changes nothing."""
    lines = [{"product_id": "p", "price": "10", "quantity": 1}]
    await door.take(said("u", "Cart Viewed", id="1", products=lines, value="9", currency="EUR"))
    await door.take(said("u", "Checkout Started", id="2", products=lines, value="9", currency="EUR"))
    await door.take(said("u", "Cart Viewed", id="3"))
    assert await derived(door) == [("1:cart", "9")]


async def test_the_same_message_twice(door: Door) -> None:
    """B1: a product that was added once is in the cart once, however often that is reported."""
    message = said("u", "Product Added", id="1", product_id="p", price="10")
    await door.take(message, message)
    await door.take(message)
    assert await derived(door) == [("1:cart", "10")]


async def test_bought(door: Door) -> None:
    """Order Completed closes the current cart; what is added afterwards begins another."""
    await door.take(said("u", "Product Added", id="1", product_id="p", price="10", ago=2 * MINUTE))
    await door.take(said("u", "Order Completed", id="2", order_id="o", ago=MINUTE))
    await door.take(said("u", "Product Added", id="3", product_id="q", price="7"))
    assert await derived(door) == [("1:cart", "10"), ("3:cart", "7")]
    first, second = await keys(door, "Cart Updated")
    assert first != second


async def test_late(door: Door) -> None:
    """A3: what happened before the purchase and arrives after it derives nothing, with a cart id and without."""
    carts_named: list[dict[str, Any]] = [{}, {"cart_id": "c"}]
    for cart in carts_named:
        await door.take(said("u", "Product Added", product_id="p", price="10", ago=HOUR, **cart))
    await door.take(said("u", "Order Completed", ago=MINUTE), said("u", "Order Completed", cart_id="c", ago=MINUTE))
    before = await derived(door)
    assert len(before) == 2
    for cart in carts_named:
        await door.take(said("u", "Product Added", product_id="q", price="10", ago=2 * MINUTE, **cart))
    assert await derived(door) == before
    assert len(await door.stored("Product Added")) == 4


async def test_named_carts(door: Door) -> None:
    """A5, A6: carts with ids are apart, 7 and "7" are one, and a purchase of one leaves the other."""
    await door.take(said("u", "Product Added", cart_id=7, product_id="p", price="10", ago=HOUR))
    await door.take(said("u", "Product Added", cart_id="7", product_id="q", price="10", ago=HOUR))
    await door.take(said("u", "Product Added", cart_id="8", product_id="p", price="10", ago=HOUR))
    assert await keys(door, "Cart Updated") == ["7", "7", "8"]
    await door.take(said("u", "Order Completed", cart_id="7"))
    assert {row.cart_id: row.closed_at is not None for row in await door.rows(carts)} == {"7": True, "8": False}
    assert await keys(door, "Order Completed") == ["7"]


async def test_an_order_with_an_unknown_cart(door: Door) -> None:
    """A5: an order that names a cart nobody has heard of ends every cart, for the one that was bought had no name."""
    await door.take(said("u", "Product Added", product_id="p", price="10", ago=HOUR))
    await door.take(said("u", "Product Added", cart_id="8", product_id="p", price="10", ago=HOUR))
    await door.take(said("u", "Order Completed", cart_id="session-4711", order_id="o"))
    (order,) = await door.stored("Order Completed")
    assert "cart_id" not in order.properties
    assert order.properties["client_cart_id"] == "session-4711"
    assert all(row.closed_at is not None for row in await door.rows(carts))


async def test_a_shop_that_keeps_its_carts(door: Door) -> None:
    """A cart that the shop itself reports as Cart Updated is taken as it is, and nothing is derived from it."""
    await door.take(said("u", "Cart Updated", id="1", cart_id="c", value="59.90", currency="EUR"))
    assert await derived(door) == [("1", "59.90")]
    (cart,) = await door.rows(carts)
    assert (cart.cart_id, str(cart.value), cart.current) == ("c", "59.90", False)


async def test_absurd_quantities(door: Door) -> None:
    """T18: a cart that is filled beyond any measure does no harm to anybody's events."""
    for _ in range(2):
        assert await door.take(said("u", "Product Added", product_id="p", price="1", quantity=1_000_000)) == [True]
    (cart,) = await door.rows(carts)
    assert cart.products[0]["quantity"] == 1_000_000


async def test_emptied_without_a_name(door: Door) -> None:
    """Cart Emptied without a cart id is about the person's current cart, and leaves one that has an id.

    Killed by: letting it concern all carts.
    """
    await door.take(said("u", "Product Added", id="1", product_id="p", price="10"))
    await door.take(said("u", "Cart Updated", id="2", cart_id="c", value="59.90"))
    await door.take(said("u", "Cart Emptied", id="3"))
    assert [row.event_id for row in await door.stored("Cart Emptied")] == ["3", "3:cart"]
    assert await keys(door, "Cart Emptied") == [None, (await keys(door, "Cart Updated"))[0]]
    assert {row.cart_id: str(row.value) for row in await door.rows(carts)}["c"] == "59.90"


async def test_emptied_where_only_named_carts_are_known(door: Door) -> None:
    """Cart Emptied without a cart id, from a shop whose carts have ids, is about each that holds something, once.

    Killed by: deriving it only of the first; deriving it of carts that hold nothing.
    """
    for cart in ("a", "b"):
        await door.take(said("u", "Cart Updated", cart_id=cart, value="59.90"))
    for name in ("Product Added", "Product Removed"):
        await door.take(said("u", name, id=name, cart_id="d", product_id="p", price="10"))
    await door.take(said("u", "Cart Emptied", id="1"), said("u", "Cart Emptied", id="2"))
    found = [(row.event_id, row.properties.get("cart_id")) for row in await door.stored("Cart Emptied")]
    assert found == [("Product Removed:cart", "d"), ("1", None), ("1:cart", "a"), ("1:cart:2", "b"), ("2", None)]
    assert {"1:cart", "1:cart:2"} <= await door.routed()


async def test_emptied_by_name(door: Door) -> None:
    """A cart whose shop says that it is empty begins anew: what was in it is not there when something is added.

    Killed by: leaving the cart as it was when its emptying is told.
    """
    await door.take(said("u", "Product Added", id="1", cart_id="c", product_id="p", price="10", ago=HOUR))
    await door.take(said("u", "Cart Emptied", id="2", cart_id="c"))
    await door.take(said("u", "Product Added", id="3", cart_id="c", product_id="q", price="7"))
    assert await derived(door) == [("1:cart", "10"), ("2", None), ("3:cart", "7")]


@pytest.mark.parametrize("emptied", [{"name": "Cart Emptied"}, {"name": "Cart Viewed", "products": []}])
async def test_added_before_and_told_after(door: Door, emptied: dict[str, Any]) -> None:
    """What was put into the cart before it was seen to be empty, and is told later, is not in it.

    Killed by: emptied leaving closed_at as it is; _fold not writing a cart that was empty already.
    """
    await door.take(
        said("u", emptied["name"], id="1", cart_id="c", **{k: v for k, v in emptied.items() if k != "name"})
    )
    await door.take(said("u", "Product Added", id="2", cart_id="c", product_id="p", price="10", ago=MINUTE))
    assert "2:cart" not in [row.event_id for row in await door.stored()]


async def test_a_checkout_that_lists_nothing(door: Door) -> None:
    """Nobody checks out an empty cart: a checkout with an empty list of products does not say what is in the cart.

    Killed by: reading a checkout as a view in fold.
    """
    await door.take(said("u", "Product Added", id="1", product_id="p", price="10"))
    await door.take(said("u", "Checkout Started", id="2", products=[]))
    assert await derived(door) == [("1:cart", "10")]
