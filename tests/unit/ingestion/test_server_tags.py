"""How the events of a GTM server container become messages of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from errors import EventError
from events import Event, OrderCompleted
from ingestion.incoming import Incoming
from ingestion.segment import Call
from ingestion.server_tags import server_tags

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALL = Call("batch", NOW, "203.0.113.9", {"user-agent": "Google-Tag-Manager-Server"})
# The common event data of Google's reference, as the GA4 client of a container makes it of a purchase.
PURCHASE: dict[str, Any] = {
    "event_name": "purchase",
    "client_id": "1234567890.1772363400",
    "user_id": "u-42",
    "event_id": "1772363400_17",
    "transaction_id": "T_12345",
    "value": 30.03,
    "currency": "USD",
    "items": [{"item_id": "SKU_12345", "item_name": "Stan and Friends Tee", "price": 10.01, "quantity": 3}],
    "page_location": "https://shop.example.com/thanks?email=ada%40example.com",
    "page_path": "/thanks",
    "page_referrer": "https://search.example.com/",
    "ip_override": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)",
    "language": "de-de",
    "ga_session_id": "1772363000",
    "x-ga-measurement_id": "G-1234",
    "x-ga-js_client_id": "1234567890.1772363400",
    "x-sst-system_properties": {"gcs": "G111"},
    "user_data": {
        "email_address": ["ada@example.com"],
        "sha256_phone_number": "ab",
        "address": [{"first_name": "Ada"}],
    },
}


def read(**changes: Any) -> Incoming:
    (found,) = server_tags(PURCHASE | changes, CALL)
    assert isinstance(found, Incoming), found
    return found


def test_purchase() -> None:
    """A purchase becomes an order with its lines, exact to the cent; client and user id are the person.

    Killed by: not passing user_id on.
    """
    found = read()
    assert (found.user_id, found.anonymous_id) == ("u-42", "1234567890.1772363400")
    assert found.event_id == "purchase-1772363400_17"
    order = Event.kinds()[found.name].model_validate(
        {**found.properties, "event_id": found.event_id, "occurred_at": found.occurred_at}
    )
    assert isinstance(order, OrderCompleted)
    assert (order.order_id, order.value, order.currency) == ("T_12345", Decimal("30.03"), "USD")
    assert [(line.product_id, line.price, line.quantity) for line in order.products] == [
        ("SKU_12345", Decimal("10.01"), 3)
    ]


def test_what_is_kept() -> None:
    """What Google tells itself is no fact of the event, and what the person said of themselves is theirs.

    Killed by: keeping user_data, or x-ga- fields, among the properties.
    """
    found = read()
    assert set(found.properties) == {"transaction_id", "order_id", "value", "currency", "products"}
    assert found.traits == {"email": "ada@example.com", "firstName": "Ada"}
    flat = read(x_ga_page_id=1, user_data_email_address="ada@example.com")
    assert flat.properties == found.properties


def test_context() -> None:
    """Where and on what the person is, the event says: the connection is the container's.

    Killed by: keeping the call's peer and headers.
    """
    found = read()
    assert (found.ip, found.peer, found.headers) == ("192.0.2.1", None, {})
    assert str(found.context["userAgent"]).startswith("Mozilla/5.0 (iPhone")
    assert found.context["page"]["referrer"] == "https://search.example.com/"
    assert read(event_name="page_view").properties["path"] == "/thanks"


def test_ids() -> None:
    """One event id may belong to several events of a page, and each is known by it; without one an id is made.

    Killed by: taking the event id alone.
    """
    assert read(event_name="add_to_cart").event_id == "add_to_cart-1772363400_17"
    assert read(event_id=None).event_id != read(event_id=None).event_id


def test_moments() -> None:
    """Of the measurement protocol's own time microseconds are read; without it, it happened now.

    Killed by: reading them as milliseconds.
    """
    assert read(timestamp_micros="1772363400000000").occurred_at == datetime(2026, 3, 1, 11, 10, tzinfo=UTC)
    assert read().occurred_at == NOW


def test_several() -> None:
    """B5: a tag may put its event into a list; each is read for itself.

    Killed by: reading the first one only.
    """
    found = server_tags([PURCHASE, {"event_name": "page_view"}, PURCHASE], CALL)
    assert [isinstance(each, Incoming) for each in found] == [True, False, True]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"event_name": None}, "event_name"),
        ({"client_id": None, "user_id": ""}, "client_id"),
        ({"timestamp_micros": "soon"}, "timestamp_micros"),
        ({"value": "much"}, "Order Completed"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], name: str) -> None:
    """What cannot be read is refused by Google's own name for it.

    Killed by: letting messages() find what is missing.
    """
    (found,) = server_tags(PURCHASE | changes, CALL)
    assert isinstance(found, EventError), found
    assert str(found).startswith(f"{name}: ")
    assert "much" not in str(found)
