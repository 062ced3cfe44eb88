"""What is in a person's cart, judged from what shops really send."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from events import CartViewed, CheckoutStarted, Event, Product, ProductAdded, ProductRemoved

CART_KINDS = (ProductAdded, ProductRemoved, CartViewed, CheckoutStarted)
MOST = 1_000_000
"""Pieces of one product that a cart can hold; as many as one event may name."""
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Cart:
    """A cart after some event; `value` is the price of all lines in `currency`.

    What happened up to `closed_at` is of no account any more: the cart was bought then, or seen to be empty.
    """

    cart_id: str
    products: tuple[Product, ...] = ()
    value: Decimal = Decimal(0)
    currency: str | None = None
    touched_at: datetime | None = None
    closed_at: datetime | None = None
    current: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.products


def emptied(cart: Cart, moment: datetime) -> Cart:
    """The cart of which it is told that it held nothing at that moment; whatever came before then is settled."""
    # Of what bears the same stamp, the order of acceptance says that it came after.
    closed = max(cart.closed_at or moment - INSTANT, moment - INSTANT)
    return replace(
        cart, products=(), value=Decimal(0), touched_at=max(cart.touched_at or moment, moment), closed_at=closed
    )


def fold(cart: Cart, event: Event) -> Cart:
    """The cart after one of CART_KINDS; an event that tells nothing of its content leaves it as it is."""
    moment = event.occurred_at if cart.touched_at is None else max(cart.touched_at, event.occurred_at)
    cart = replace(cart, touched_at=moment, closed_at=None)
    match event:
        case ProductAdded():
            return _priced(replace(cart, products=_changed(cart.products, event.products or (event,), 1)))
        case ProductRemoved():
            return _priced(replace(cart, products=_changed(cart.products, event.products or (event,), -1)))
        case CartViewed() | CheckoutStarted() if lines := tuple(line for line in event.products if line.quantity):
            seen = replace(cart, products=lines, currency=event.currency or cart.currency)
            return replace(seen, value=event.value) if event.value else _priced(seen)
        case CartViewed() if "products" in event.model_fields_set:
            return emptied(cart, event.occurred_at)
    return cart


def _changed(products: tuple[Product, ...], lines: Sequence[Product], sign: int) -> tuple[Product, ...]:
    for line in lines:
        products = _add(products, line, sign * line.quantity)
    return products


def _add(products: tuple[Product, ...], line: Product, quantity: int) -> tuple[Product, ...]:
    known = [each for each in products if _is_same(each, line)]
    others = tuple(each for each in products if not _is_same(each, line))
    count = quantity + sum(each.quantity for each in known)
    if count <= 0:
        return others
    # An event that leaves out the price or the name does not make us forget it.
    facts = [each.model_dump(include=set(Product.model_fields), exclude_none=True) for each in (*known, line)]
    return (*others, Product.model_validate({**ChainMap(*reversed(facts)), "quantity": min(count, MOST)}))


def _is_same(one: Product, other: Product) -> bool:
    """By product id; shops that send none still name the product."""
    return (one.product_id or one.name) == (other.product_id or other.name)


def _priced(cart: Cart) -> Cart:
    return replace(cart, value=sum(((each.price or Decimal(0)) * each.quantity for each in cart.products), Decimal(0)))
