"""What is in a person's cart, judged from what shops really send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from events import CartViewed, CheckoutStarted, Event, Product, ProductAdded, ProductRemoved

CART_KINDS = (ProductAdded, ProductRemoved, CartViewed, CheckoutStarted)


@dataclass(frozen=True)
class Cart:
    """A cart after some event; `value` is the price of all lines in `currency`."""

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


def fold(cart: Cart, event: Event) -> Cart:
    """The cart after one of CART_KINDS; an event that tells nothing of its content leaves it as it is."""
    moment = event.occurred_at if cart.touched_at is None else max(cart.touched_at, event.occurred_at)
    cart = replace(cart, touched_at=moment, closed_at=None)
    match event:
        case ProductAdded():
            return _priced(replace(cart, products=_add(cart.products, event, event.quantity)))
        case ProductRemoved():
            return _priced(replace(cart, products=_add(cart.products, event, -event.quantity)))
        case CartViewed() | CheckoutStarted() if event.products:
            seen = replace(cart, products=event.products, currency=event.currency or cart.currency)
            return replace(seen, value=event.value) if event.value else _priced(seen)
    return cart


def _add(products: tuple[Product, ...], line: Product, quantity: int) -> tuple[Product, ...]:
    known = next((each for each in products if each.product_id == line.product_id), None)
    count = (known.quantity if known else 0) + quantity
    latest = Product.model_validate(line.model_dump(include=set(Product.model_fields)) | {"quantity": max(count, 0)})
    others = tuple(each for each in products if each.product_id != line.product_id)
    return (*others, latest) if count > 0 else others


def _priced(cart: Cart) -> Cart:
    return replace(cart, value=sum(((each.price or Decimal(0)) * each.quantity for each in cart.products), Decimal(0)))
