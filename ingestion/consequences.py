"""What follows from an accepted event: a changed person, a changed cart, and the facts derived from them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from events import (
    CartEmptied,
    CartUpdated,
    Context,
    DateChanged,
    Event,
    Identified,
    OrderCompleted,
    Preference,
    Subscribed,
    ZoneChanged,
)
from profiles.carts import CART_KINDS, Cart, emptied, fold
from profiles.dates import Every
from profiles.person import Person
from profiles.push_addresses import push_address
from storage.facts import event_of

from .incoming import KINDS, Incoming


@dataclass
class Stored:
    """One event to be stored, or adopted from a person who had no name yet."""

    event_id: str
    digest: str
    user_id: str | None
    anonymous_id: str | None
    name: str
    occurred_at: datetime
    received_at: datetime
    properties: dict[str, Any]
    context: Context
    routed: bool = True
    seq: int = 0


@dataclass(frozen=True)
class Said:
    """What a person said about the messages they want. `adopted`: before it was known who they are."""

    user_id: str
    channel: str
    topic: str
    given: bool
    adopted: bool


class Consequences:
    """Collects, in order, what one transaction has to write. Works on persons whose lock is held."""

    def __init__(
        self, people: dict[str, Person], carts: dict[str, dict[str, Cart]], dates: Mapping[str, Every]
    ) -> None:
        self._people = people
        self._carts = carts
        self._dates = dates
        self._touched: dict[str, Person] = {}
        self._written: dict[tuple[str, str], Cart] = {}
        self.stored: list[Stored] = []
        self.adopted: list[Stored] = []
        self.said: list[Said] = []

    @property
    def changed_people(self) -> Iterable[Person]:
        return self._touched.values()

    @property
    def changed_carts(self) -> Iterable[tuple[str, Cart]]:
        return [(user_id, cart) for (user_id, _), cart in self._written.items()]

    def take(self, message: Incoming, user_id: str | None, context: Context) -> None:
        """Store a new event and whatever it means for its person."""
        stored = Stored(
            event_id=message.event_id,
            digest=message.digest,
            user_id=user_id,
            anonymous_id=message.anonymous_id,
            name=message.name,
            occurred_at=message.occurred_at,
            received_at=message.received_at,
            properties=dict(message.properties),
            context=context,
        )
        self.stored.append(stored)
        if not user_id:
            return
        person = self._touch(user_id)
        zone, dates = person.believed_zone, {trait: person.traits.get(trait) for trait in self._dates}
        person.learn(dict(message.traits))
        if (address := push_address(message.context)) is not None:
            person.hold(*address)
        if message.name == Identified.event_name:
            stored.properties = {"profile_complete": person.profile_complete}
        if context.location.zone_source not in (None, "profile", "default"):
            person.seen_zone = context.location.zone
        if zone and person.believed_zone != zone:
            self._derive(stored, ZoneChanged, {}, "zone")
        for trait, before in dates.items():
            if person.traits.get(trait) != before:
                date = person.date(trait, self._dates[trait])
                self._derive(stored, DateChanged, {"trait": trait, "date": date}, f"date:{trait}")
        self._count(stored, _event(stored))

    def adopt(self, row: Row[Any], user_id: str, *, routed: bool) -> None:
        """Let an event that was stored without a person count for the one it belongs to."""
        values = row._asdict() | {"user_id": user_id, "context": Context.model_validate(row.context)}
        stored = Stored(**values, routed=routed)
        self.adopted.append(stored)
        self._count(stored, event_of(row), adopted=True)

    def adopt_fresh(self, anonymous_id: str, user_id: str, *, since: datetime) -> None:
        """The same for events taken in this very transaction, before their person was named."""
        for stored in [*self.stored]:
            if stored.anonymous_id == anonymous_id and stored.user_id is None:
                stored.user_id, stored.routed = user_id, stored.occurred_at >= since
                self._count(stored, _event(stored), adopted=True)

    def _touch(self, user_id: str) -> Person:
        return self._touched.setdefault(user_id, self._people[user_id])

    def _count(self, stored: Stored, event: Event | None, *, adopted: bool = False) -> None:
        """Let an event change its person and their cart."""
        user_id = stored.user_id
        assert user_id is not None
        if event is not None:
            self._touch(user_id).see(event)
            self._cart(stored, event, adopted=adopted)
            self._hear(user_id, event, adopted=adopted)
        elif stored.name == CartEmptied.event_name:
            self._empty(stored, None)

    def _hear(self, user_id: str, event: Event, *, adopted: bool = False) -> None:
        if isinstance(event, Preference):
            self.said.append(Said(user_id, event.channel, event.topic, isinstance(event, Subscribed), adopted))

    def _cart(self, stored: Stored, event: Event, *, adopted: bool) -> None:
        match event:
            case OrderCompleted():
                self._close(stored, event)
            case CartEmptied():
                self._empty(stored, event.cart_id, adopted=adopted)
            case CartUpdated():
                snapshot = Cart(event.cart_id, event.products, event.value, event.currency, event.occurred_at)
                self._write(stored.user_id, replace(snapshot, current=self._is_current(stored.user_id, event.cart_id)))
            case _ if isinstance(event, CART_KINDS):
                self._fold(stored, event)

    def _fold(self, stored: Stored, event: Event) -> None:
        cart = self._of(stored.user_id, event.key("cart_id")) or self._open(stored, event)
        if cart.closed_at is not None and event.occurred_at <= cart.closed_at:
            return  # It happened before the purchase that closed this cart, and only arrived late.
        if event.key("cart_id") is None and self._before_last_order(stored.user_id, event):
            return
        folded = fold(cart, event)
        if folded.products == cart.products and folded.value == cart.value:
            if folded.is_empty and folded.closed_at is not None:
                self._write(stored.user_id, folded)  # What was put in before, and is told later, is not in it.
            return
        self._write(stored.user_id, folded)
        facts: dict[str, Any] = {"cart_id": folded.cart_id}
        if not folded.is_empty:
            facts |= {
                "value": str(folded.value),
                "currency": folded.currency,
                "products": [line.model_dump(mode="json", exclude_defaults=True) for line in folded.products],
            }
        kind = CartEmptied if folded.is_empty else CartUpdated
        self._derive(stored, kind, facts, "cart", at=folded.touched_at)

    def _empty(self, stored: Stored, named: str | None, *, adopted: bool = False) -> None:
        """The shop says that this cart is empty; one that names none means the current cart, or all where there is none."""
        carts = self._carts.get(stored.user_id or "", {})
        if named is not None:
            concerned = [carts.get(named) or Cart(named)]
        else:
            concerned = [cart for cart in (self._of(stored.user_id, None),) if cart] or [*carts.values()]
        # What is derived of an adopted event comes after all that are adopted, and so may what fills the cart.
        is_told = named is not None and not adopted
        suffixes = ("cart" if number == 1 else f"cart:{number}" for number in itertools.count(1))
        for cart in concerned:
            self._write(stored.user_id, emptied(cart, stored.occurred_at))
            if not is_told and cart.closed_at is None and (cart.products or cart.value):
                self._derive(stored, CartEmptied, {"cart_id": cart.cart_id}, next(suffixes))

    def _close(self, stored: Stored, order: OrderCompleted) -> None:
        carts = self._carts.get(stored.user_id or "", {})
        named = order.key("cart_id")
        if (
            named is not None
            and named not in carts
            and any(cart.current and cart.closed_at is None for cart in carts.values())
        ):
            # A cart id we have never seen cannot be matched with the unnamed cart that was bought: leave it out,
            # and the purchase ends every cart of the person.
            stored.properties["client_cart_id"] = stored.properties.pop("cart_id")
            named = None
        for cart in [*carts.values()]:
            if named in (None, cart.cart_id) and (cart.touched_at is None or cart.touched_at <= order.occurred_at):
                self._write(stored.user_id, replace(cart, products=(), closed_at=order.occurred_at, current=False))

    def _of(self, user_id: str | None, cart_id: str | None) -> Cart | None:
        carts = self._carts.get(user_id or "", {})
        return carts.get(cart_id) if cart_id else next((cart for cart in carts.values() if cart.current), None)

    def _open(self, stored: Stored, event: Event) -> Cart:
        named = event.key("cart_id")
        currency = getattr(event, "currency", None) or stored.properties.get("currency")
        return Cart(
            named or f"cart-{stored.digest[:12]}",
            currency=currency if isinstance(currency, str) else None,
            current=named is None,
        )

    def _is_current(self, user_id: str | None, cart_id: str) -> bool:
        cart = self._of(user_id, cart_id)
        return cart is not None and cart.current

    def _before_last_order(self, user_id: str | None, event: Event) -> bool:
        last = self._people[user_id or ""].last_order_at
        return last is not None and event.occurred_at <= last

    def _write(self, user_id: str | None, cart: Cart) -> None:
        assert user_id is not None
        self._carts.setdefault(user_id, {})[cart.cart_id] = cart
        self._written[user_id, cart.cart_id] = cart

    def _derive(
        self, source: Stored, kind: type[Event], facts: dict[str, Any], suffix: str, at: datetime | None = None
    ) -> None:
        person, context = self._people[source.user_id or ""], source.context
        if kind is ZoneChanged and person.zone:
            location = context.location.model_copy(update={"zone": person.zone, "zone_source": "profile"})
            context = context.model_copy(update={"location": location})
        self.stored.append(
            replace(
                source,
                event_id=f"{source.event_id}:{suffix}",
                digest="",
                name=kind.event_name,
                properties=facts,
                context=context,
                occurred_at=at or source.occurred_at,
            )
        )


def _event(stored: Stored) -> Event | None:
    """What it means; None for what we do not know, and for an emptied cart that is not named: ours will be."""
    kind = KINDS.get(stored.name)
    if kind is CartEmptied and stored.properties.get("cart_id") is None:
        return None
    known = {"event_id": stored.event_id, "occurred_at": stored.occurred_at, "context": stored.context}
    return None if kind is None else kind.model_validate({**stored.properties, **known})
