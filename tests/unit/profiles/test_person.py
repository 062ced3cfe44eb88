"""What is known of a person after each of their events, and how much of it a journey may know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from events import FileDownloaded, Identified, OrderCompleted, Product, ProductViewed
from profiles.person import Person
from profiles.segments import HIGH_VALUE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def person(**traits: Any) -> Person:
    somebody = Person("u-1", NOW)
    somebody.learn(traits)
    return somebody


def order(
    value: str, *, at: datetime = NOW, currency: str | None = "EUR", products: tuple[Product, ...] = ()
) -> OrderCompleted:
    return OrderCompleted(event_id="o", occurred_at=at, value=Decimal(value), currency=currency, products=products)


def test_traits() -> None:
    """Traits are added, overwritten, and removed by null."""
    somebody = person(email="ada@example.com", plan="free", tags=["a"])
    somebody.learn({"plan": "pro", "tags": None, "nothing": None})
    assert somebody.traits == {"email": "ada@example.com", "plan": "pro"}


@pytest.mark.parametrize(
    ("traits", "country", "language", "zone"),
    [
        ({"country": "de", "locale": "de_DE", "timezone": "Europe/Berlin"}, "DE", "de-DE", "Europe/Berlin"),
        ({"address": {"country": "AT"}, "language": "de"}, "AT", "de", None),
        ({"country": "Germany", "timezone": "Berlin", "locale": 3}, None, None, None),
        ({"country": ["DE"], "timezone": "../etc/passwd", "address": "here"}, None, None, None),
        ({"timezone": "Mars/Olympus", "language": "x" * 36}, None, None, None),
    ],
)
def test_where_and_how(traits: dict[str, Any], country: str | None, language: str | None, zone: str | None) -> None:
    """D8: country, language and zone are taken where they are such; anything else is kept as a trait and not believed."""
    somebody = person(**traits)
    assert (somebody.country, somebody.language, somebody.zone) == (country, language, zone)


def test_which_zone_is_believed() -> None:
    """D8: the profile's zone before that of the newest event."""
    somebody = Person("u", NOW, seen_zone="Asia/Tokyo")
    assert somebody.believed_zone == "Asia/Tokyo"
    somebody.learn({"timezone": "Europe/Berlin"})
    assert somebody.believed_zone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        ({"firstName": "Ada", "name": "Grace Hopper"}, "Ada"),
        ({"first_name": " Ada "}, "Ada"),
        ({"name": "Ada Lovelace"}, "Ada"),
        ({"name": "  "}, None),
        ({"name": 1, "firstName": ["Ada"]}, None),
        ({}, None),
    ],
)
def test_first_name(traits: dict[str, Any], name: str | None) -> None:
    """The first name is what was given as such, else the first word of the whole name."""
    assert person(**traits).first_name == name


def test_complete() -> None:
    """A profile is complete with a first name and a birthday."""
    assert not person(firstName="Ada").profile_complete
    assert not person(birthday="1815-12-10").profile_complete
    assert person(firstName="Ada", birthday="1815-12-10").profile_complete


def test_seen() -> None:
    """Only what shows that the person is here counts as being seen, and an event that arrives late never turns time back."""
    somebody = person()
    somebody.see(Identified(event_id="i", occurred_at=NOW))
    assert somebody.last_seen_at is None
    somebody.see(FileDownloaded(event_id="f", occurred_at=NOW))
    somebody.see(FileDownloaded(event_id="g", occurred_at=NOW - DAY))
    assert somebody.last_seen_at == NOW


def test_orders() -> None:
    """Orders are counted, and summed in the first currency that one names: other money is no smaller or larger number of it.

    An order that names none is in the person's own, whether it comes first or later.
    Killed by: adding every order, none without a currency, or those without one only while no currency is known.
    """
    somebody = person()
    named = [order("19.99"), order("0.01", at=NOW - DAY), order("500", currency="JPY")]
    for each in (order("1", currency=None), *named, order("2", currency=None)):
        somebody.see(each)
    assert (somebody.orders, somebody.spent, somebody.currency) == (5, Decimal("23.00"), "EUR")
    assert somebody.last_order_at == NOW


def test_favourite_category() -> None:
    """What was bought counts more than what was looked at."""
    somebody = person()
    for _ in range(2):
        somebody.see(ProductViewed(event_id="v", occurred_at=NOW, category="Tents"))
    assert somebody.profile(NOW).favourite_category == "Tents"
    somebody.see(order("10", products=(Product(product_id="p", category="Mugs"),)))
    assert somebody.profile(NOW).favourite_category == "Mugs"
    assert person().profile(NOW).favourite_category is None


def test_sold_by_the_litre() -> None:
    """What is sold by thousands of units is one product of the order: fuel is not what everybody cares for most.

    Killed by: counting a product's quantity in Person.see.
    """
    somebody = person()
    somebody.see(order("40", products=(Product(product_id="fuel", category="Fuel", quantity=89_638),)))
    for _ in range(4):
        somebody.see(ProductViewed(event_id="v", occurred_at=NOW, category="Tents"))
    known = somebody.profile(NOW)
    assert known.favourite_category == "Tents"
    assert [(each.category, each.share) for each in known.affinities] == [("Tents", 0.571), ("Fuel", 0.429)]


def test_channels() -> None:
    """H7: a channel is there if it has an address; in-app only while the person is; what is blocked is not.

    A webhook needs no address, and says nothing about who can be reached.
    """
    somebody = person(email="ada@example.com")
    assert somebody.channels(active=False) == ("email", "webhook")
    somebody.hold("token", "t-1")
    assert somebody.channels(active=True) == ("in_app", "push", "email", "webhook")
    assert somebody.profile(NOW, active=True, blocked=frozenset({"email"})).channels == ("in_app", "push")
    assert person(email="none").channels(active=False) == ("webhook",)
    assert person(email="none").profile(NOW).channels == ()


def test_tokens() -> None:
    """A token is held once, and the ten newest are enough."""
    somebody = person()
    for number in (*range(12), 11):
        somebody.hold("token", str(number))
    assert [token["value"] for token in somebody.tokens] == [str(number) for number in range(2, 12)]


def test_no_journey_learns_who_it_is() -> None:
    """H6: the profile that enters Temporal holds no name, address, token or birthday."""
    somebody = person(email="ada@example.com", name="Ada Lovelace", birthday="1815-12-10", phone="+491701234567")
    somebody.hold("token", "canary-token")
    known = somebody.profile(NOW, active=True).model_dump_json()
    for canary in ("ada@", "Ada", "Lovelace", "1815", "49170", "canary"):
        assert canary not in known


def test_segments() -> None:
    """High value: bought at least twice, for enough; at risk: bought once and gone for a month; newcomer: nothing bought."""

    def found(orders: int, spent: Decimal, seen: datetime | None) -> frozenset[str]:
        return Person("u", NOW, orders=orders, spent=spent, last_seen_at=seen).profile(NOW).segments

    assert found(0, Decimal(0), None) == {"newcomer"}
    assert found(2, HIGH_VALUE, NOW) == {"high_value"}
    assert found(1, HIGH_VALUE, NOW) == frozenset()
    assert found(2, HIGH_VALUE, NOW - 30 * DAY) == {"high_value", "at_risk"}
    assert found(1, Decimal(1), NOW - 30 * DAY + timedelta(seconds=1)) == frozenset()
