"""A cart, folded from whatever shops send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from events import CartViewed, CheckoutStarted, Event, Product, ProductAdded, ProductRemoved
from profiles.carts import MOST, Cart, fold

START = datetime(2026, 3, 1, tzinfo=UTC)

lines = st.fixed_dictionaries(
    {"product_id": st.sampled_from(["", "a", "b", "c"]), "quantity": st.one_of(st.integers(0, 5), st.just(MOST))},
    optional={
        "name": st.sampled_from(["mug", "tee"]),
        "price": st.decimals(0, 10_000, places=2, allow_nan=False, allow_infinity=False),
    },
)
moments = st.integers(0, 10_000).map(lambda seconds: START + timedelta(seconds=seconds))


@st.composite
def events(draw: st.DrawFn) -> Event:
    """One event of a shop, without a stated value."""
    known = {"event_id": "e", "occurred_at": draw(moments)}
    kind = draw(st.sampled_from([ProductAdded, ProductRemoved, CartViewed, CheckoutStarted]))
    if kind in (ProductAdded, ProductRemoved):
        return kind.model_validate(known | draw(lines))
    return kind.model_validate(known | {"products": draw(st.lists(lines, max_size=4))})


def folded(*happened: Event) -> Cart:
    cart = Cart("c")
    for event in happened:
        cart = fold(cart, event)
    return cart


@settings(max_examples=300, deadline=None)
@given(st.lists(events(), max_size=12))
def test_any_sequence(happened: list[Event]) -> None:
    """Whatever comes in whatever order, no quantity is below zero and the value is the price of all lines."""
    cart = folded(*happened)
    assert all(0 <= line.quantity <= MOST for line in cart.products)
    assert cart.value == sum(((line.price or Decimal(0)) * line.quantity for line in cart.products), Decimal(0))
    assert cart.touched_at == max((event.occurred_at for event in happened), default=None)


def added(product: str, quantity: int = 1, price: str | None = "10", name: str | None = None) -> ProductAdded:
    return ProductAdded(
        event_id="e",
        occurred_at=START,
        product_id=product,
        quantity=quantity,
        price=None if price is None else Decimal(price),
        name=name,
    )


def removed(product: str, quantity: int = 1) -> ProductRemoved:
    return ProductRemoved(event_id="e", occurred_at=START, product_id=product, quantity=quantity)


def test_added_and_removed() -> None:
    """What is put in counts, what is taken out no longer; more than there was leaves nothing, not less."""
    cart = folded(added("a", 2), added("b"), removed("b"), removed("a"))
    assert [(line.product_id, line.quantity) for line in cart.products] == [("a", 1)]
    assert fold(cart, removed("a", 5)).is_empty
    assert folded(removed("a")).is_empty


def test_what_is_not_said_again_is_not_forgotten() -> None:
    """Taking one of two out, without naming the price, leaves the other at its price."""
    cart = folded(added("a", 2, "10", "mug"), removed("a"))
    assert cart.value == 10
    assert cart.products[0].name == "mug"


def test_products_without_an_id() -> None:
    """Shops that send no product ids still have two products in the cart, not one."""
    cart = folded(added("", 1, "10", "mug"), added("", 1, "5", "tee"))
    assert sorted(str(line.name) for line in cart.products) == ["mug", "tee"]
    assert cart.value == 15


def test_the_same_product_on_two_lines() -> None:
    """Two lines of one product, say in two sizes, are counted together when one more is added."""
    seen = CartViewed(
        event_id="e",
        occurred_at=START,
        products=(Product(product_id="a", quantity=1), Product(product_id="a", quantity=2)),
    )
    assert folded(seen, added("a")).products[0].quantity == 4


def test_a_stated_value_is_believed() -> None:
    """The shop's own total of a cart, after discounts, stands until the cart changes."""
    seen = CartViewed(
        event_id="e",
        occurred_at=START,
        value=Decimal(15),
        currency="EUR",
        products=(Product(product_id="a", quantity=2, price=Decimal(10)),),
    )
    cart = folded(seen)
    assert (cart.value, cart.currency) == (Decimal(15), "EUR")
    assert fold(cart, added("a")).value == 30


def test_a_view_of_nothing() -> None:
    """A view that lists no products, or only lines of none, shows that the cart is empty from then on.

    Killed by: fold passing over empty lists; keeping lines of no pieces.
    """
    for line in ([], [Product(product_id="a", quantity=0)]):
        seen = CartViewed(event_id="e", occurred_at=START + timedelta(hours=1), products=tuple(line), value=Decimal(9))
        cart = fold(folded(added("a")), seen)
        assert cart.is_empty
        assert cart.value == 0
        assert cart.touched_at == seen.occurred_at
        assert cart.closed_at is not None
        assert START < cart.closed_at < seen.occurred_at


def test_a_view_without_content() -> None:
    """A cart that was looked at, without saying what is in it, is as it was."""
    cart = folded(added("a"))
    assert fold(cart, CartViewed(event_id="e", occurred_at=START)).products == cart.products


def test_one_call_of_several_lines() -> None:
    """A tag manager that names several items in one add_to_cart puts all of them into the cart."""
    line = {"product_id": "a", "price": "5", "quantity": 2}
    other = {"product_id": "b", "price": "3"}
    added = ProductAdded.model_validate(
        {"event_id": "e", "occurred_at": "2026-03-01T09:00:00Z", **line, "products": [line, other]}
    )
    cart = fold(Cart("c"), added)
    assert [(each.product_id, each.quantity) for each in cart.products] == [("a", 2), ("b", 1)]
    assert cart.value == 13
