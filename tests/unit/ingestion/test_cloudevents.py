"""How CloudEvents become messages of ours, and which attribute is named where one cannot."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from errors import EventError
from ingestion.cloudevents import cloud_events, from_binary
from ingestion.incoming import Incoming
from ingestion.segment import Call

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALL = Call("batch", NOW, "203.0.113.9", {"user-agent": "Mozilla/5.0 (iPhone)"})
DATA = {"order_id": "o-1", "value": "59.90", "currency": "EUR"}


def event(**changes: Any) -> dict[str, Any]:
    """An event of a shop; None takes an attribute away."""
    whole = {
        "specversion": "1.0",
        "id": "1",
        "source": "https://shop.example.com/orders",
        "type": "com.example.order_completed",
        "subject": "u-42",
        "time": "2026-03-01T11:30:00Z",
        "data": DATA,
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def read(**changes: Any) -> Incoming:
    (found,) = cloud_events(event(**changes), CALL)
    assert isinstance(found, Incoming), found
    return found


def refused(**changes: Any) -> str:
    (found,) = cloud_events(event(**changes), CALL)
    assert isinstance(found, EventError), found
    return str(found)


def test_an_event() -> None:
    """Type, subject, time and data become the name, the person, the moment and the properties; a schema is not looked at.

    Killed by: not passing the time on.
    """
    found = read(dataschema="https://schema.example.com/order")
    assert (found.name, found.user_id, found.properties) == ("Order Completed", "u-42", DATA)
    assert found.occurred_at == NOW - timedelta(minutes=30)
    assert read(time=None).occurred_at == NOW


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Order Completed", "Order Completed"),
        ("com.example.order_completed", "Order Completed"),
        ("com.example.OrderCompleted.v2", "Order Completed"),
        ("com.example.shop.orderCompleted", "Order Completed"),
        ("com.example.add_to_cart", "Product Added"),
        ("purchase", "Order Completed"),
        ("com.example.catalog.product.added", "com.example.catalog.product.added"),
        ("com.example.parcel_lost", "com.example.parcel_lost"),
        ("com.example.plan.subscribed", "com.example.plan.subscribed"),
        ("Subscribed", "Subscribed"),
    ],
)
def test_names(kind: str, name: str) -> None:
    """A type is known by its last part, however that is written; another is kept whole; consent is given by no last part.

    Killed by: searching consents among the known names; matching more than the last part.
    """
    assert read(type=kind, data={"product_id": "p-1"}).name == name


def test_the_same_event() -> None:
    """B1: source and id together are the message id: the same pair is the same event, whatever else it says.

    Killed by: leaving the source out of the message id.
    """
    first = read().event_id
    assert read(time=None, subject="u-1").event_id == first
    assert len({first, read(id="2").event_id, read(source="https://shop.example.com/carts").event_id}) == 3
    assert "shop" not in read(source="mailto:ada@example.com").event_id


def test_whose_event() -> None:
    """The data's own userId is believed before the subject, which may be an order's.

    Killed by: believing the subject first.
    """
    found = read(subject="orders/1", data=DATA | {"userId": "u-7"})
    assert (found.user_id, found.properties) == ("u-7", DATA)
    nobody = read(subject="orders/1", data=DATA | {"anonymousId": "a-1"})
    assert (nobody.user_id, nobody.anonymous_id) == (None, "a-1")
    assert refused(subject=None).startswith("subject: ")


def test_identify() -> None:
    """A person's traits come by an event whose type ends in identified, or identify.

    Killed by: sending it as a track call.
    """
    for kind in ("com.example.customer.identified", "identify"):
        found = read(type=kind, data={"email": "ada@example.com"})
        assert (found.name, found.traits, found.properties) == ("Identified", {"email": "ada@example.com"}, {})


def test_context() -> None:
    """Where and on what the person is, only the event's own context tells: the connection is a program's.

    Killed by: keeping the call's peer and headers.
    """
    found = read(data=DATA | {"context": {"ip": "192.0.2.1"}})
    assert (found.ip, found.peer, found.headers) == ("192.0.2.1", None, {})
    assert found.properties == DATA


def test_other_data() -> None:
    """Data may be packed in base64, or stand under properties as in a message of the Segment spec, or be missing.

    Killed by: reading data alone.
    """
    packed = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert read(data=None, data_base64=packed, datacontenttype="application/json").properties == DATA
    assert read(data={"properties": DATA, "trace": 1}).properties == DATA
    assert read(data=None, type="Signed Up").properties == {}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"specversion": None}, "specversion"),
        ({"specversion": "0.3"}, "specversion"),
        ({"id": None}, "id"),
        ({"id": 7}, "id"),
        ({"source": ""}, "source"),
        ({"type": None}, "type"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-03-01T09:30:00"}, "time"),
        ({"time": 1}, "time"),
        ({"data": "text"}, "data"),
        ({"data": [1]}, "data"),
        ({"datacontenttype": "application/xml", "data": "<a/>"}, "datacontenttype"),
        ({"data": None, "data_base64": "!"}, "data_base64"),
        ({"data": {"value": "much"}}, "Order Completed"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], name: str) -> None:
    """B5: what cannot be read is refused by the attribute's name, and never quoted.

    Killed by: taking what has no id, no source or another specversion.
    """
    (found,) = cloud_events({key: value for key, value in (event() | changes).items() if value is not None}, CALL)
    assert isinstance(found, EventError), found
    assert str(found).startswith(f"{name}: ")
    assert "much" not in str(found)


def test_a_batch() -> None:
    """B5: of a batch each event is read for itself, in order.

    Killed by: reading the first one only.
    """
    found = cloud_events([event(), event(id=None), event(id="3"), "x"], CALL)
    assert [isinstance(each, Incoming) for each in found] == [True, False, True, False]
    assert cloud_events([], CALL) == []


def test_binary() -> None:
    """An event of the binary mode is the same event: one message id, whichever way it came.

    Killed by: dropping attributes on the way.
    """
    attributes = event(data=None)
    raw = json.dumps(DATA).encode()
    (found,) = cloud_events(from_binary(attributes, "application/json; charset=utf-8", raw), CALL)
    assert found == read()
    (bare,) = cloud_events(from_binary(attributes | {"type": "Signed Up"}, "", b""), CALL)
    assert isinstance(bare, Incoming)
    with pytest.raises(EventError, match="datacontenttype"):
        from_binary(attributes, "text/plain", b"hello")
