"""How the calls of the Segment spec become messages of ours, and which of them are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from errors import EventError, EventTooLarge
from ingestion.incoming import Incoming
from ingestion.segment import Call, messages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def call(kind: str = "batch") -> Call:
    return Call(kind, NOW, "203.0.113.9", {})


def read(kind: str, **body: Any) -> Incoming:
    (found,) = messages({"userId": "u-1", **body}, call(kind))
    assert isinstance(found, Incoming), found
    return found


def refused(kind: str, **body: Any) -> EventError:
    (found,) = messages({"userId": "u-1", **body}, call(kind))
    assert isinstance(found, EventError), found
    return found


def test_track() -> None:
    """A track call is the event it names, with its properties; properties without a value are left out."""
    found = read("track", event="Product Viewed", properties={"product_id": "p", "brand": None}, messageId="m-1")
    assert (found.name, found.user_id, found.event_id) == ("Product Viewed", "u-1", "m-1")
    assert found.properties == {"product_id": "p"}


def test_identify() -> None:
    """An identify call brings traits."""
    found = read("identify", traits={"email": "ada@example.com"})
    assert (found.name, found.traits) == ("Identified", {"email": "ada@example.com"})
    # RudderStack's client for Python puts them into the context only.
    assert read("identify", context={"traits": {"email": "ada@example.com"}}).traits == found.traits


@pytest.mark.parametrize(("kind", "name"), [("page", "Page Viewed"), ("screen", "Screen Viewed")])
def test_page_and_screen(kind: str, name: str) -> None:
    """Page and screen calls are views, with the path of the context where the call names none."""
    found = read(kind, category="Docs", context={"page": {"path": "/docs"}})
    assert (found.name, found.properties) == (name, {"path": "/docs", "category": "Docs"})
    assert read(kind, properties={"path": "/own"}, context={"page": {"path": "/docs"}}).properties["path"] == "/own"


@pytest.mark.parametrize("kind", ["group", "alias"])
def test_group_and_alias_are_taken(kind: str) -> None:
    """Group and alias calls are stored as what they are; no journey knows them."""
    assert read(kind).name == kind.title()


def test_a_group_is_not_its_member() -> None:
    """What a group call tells of the group never becomes a trait of the person.

    Killed by: passing a group's traits on as the person's.
    """
    found = read("group", groupId="acme", traits={"name": "Acme", "email": "office@acme.example"})
    assert found.traits == {}
    assert found.properties == {"groupId": "acme", "traits": {"name": "Acme", "email": "office@acme.example"}}


def test_alias() -> None:
    """An alias call links who the person was before, as an identify call links its anonymousId.

    Killed by: leaving previousId unread.
    """
    assert read("alias", previousId="a-1").anonymous_id == "a-1"
    assert read("alias", previousId="a-1", anonymousId="a-2").anonymous_id == "a-2"
    assert str(refused("alias", previousId=["a"])).startswith("previousId: ")


def test_a_batch_keeps_its_order() -> None:
    """Each message of a batch is read by its own type, in order, with the context of the batch below its own."""
    body = {
        "context": {"locale": "de", "app": {"name": "shop"}},
        "batch": [
            {"type": "identify", "userId": "u"},
            {"type": "track", "event": "Signed Up", "userId": "u", "context": {"locale": "en"}},
            {"event": "File Downloaded", "userId": "u"},
        ],
    }
    found = [each for each in messages(body, call()) if isinstance(each, Incoming)]
    assert [each.name for each in found] == ["Identified", "Signed Up", "File Downloaded"]
    assert [each.context["locale"] for each in found] == ["de", "en", "de"]


def test_one_bad_message_harms_no_other() -> None:
    """B5: a message that cannot be read is refused alone.

    Killed by: letting its error out of segment._read.
    """
    good = {"type": "track", "event": "Signed Up", "userId": "u"}
    bad: list[Any] = [
        None,
        1,
        "x",
        [],
        {},
        {"type": "track", "userId": "u"},
        {**good, "properties": []},
        {**good, "type": "x"},
    ]
    found = messages({"batch": [*bad, good]}, call())
    assert [isinstance(each, EventError) for each in found] == [True] * len(bad) + [False]


@pytest.mark.parametrize("batch", [None, {}, "x", 1])
def test_no_batch(batch: Any) -> None:
    """A batch call needs a list."""
    with pytest.raises(EventError, match=r"^batch: expected a list"):
        messages({"batch": batch}, call())


def test_ids() -> None:
    """A6: an id may be a number; null and empty mean that there is none, and one of the two must be there."""
    assert read("track", event="Signed Up", userId=123).user_id == "123"
    found = read("track", event="Signed Up", userId=None, anonymousId="a-1")
    assert (found.user_id, found.anonymous_id) == (None, "a-1")
    for nobody in (None, ""):
        assert "userId" in str(refused("track", event="Signed Up", userId=nobody, anonymousId=nobody))


@pytest.mark.parametrize("user_id", [True, 1.5, [], {}, "x" * 201, "a\nb", "a\0b", "\ud800"])
def test_ids_that_are_none(user_id: Any) -> None:
    """Anything but a printable string of 200 characters or a whole number is no user id, and is not repeated."""
    assert str(refused("track", event="Signed Up", userId=user_id)).startswith("userId: ")


@pytest.mark.parametrize("message_id", ["x" * 151, "m\n", "m:cart", "m:zone", "m:date:renews_at"])
def test_message_ids(message_id: str) -> None:
    """A message id fits its column, and can never be one that we derive from another event's."""
    assert str(refused("track", event="Signed Up", messageId=message_id)).startswith("messageId: ")


def test_a_message_without_id_gets_one() -> None:
    """Two messages without an id are two events."""
    assert read("track", event="Signed Up").event_id != read("track", event="Signed Up").event_id


@pytest.mark.parametrize("event", ["Identified", "Zone Changed", "Date Changed", "Segment Entered"])
def test_reserved(event: str) -> None:
    """What only we may derive cannot be sent."""
    assert "derived by Journeyman" in str(refused("track", event=event))


def test_a_wrong_field_is_named() -> None:
    """An event whose declared fields are wrong is refused with the field's name, and without its value."""
    error = str(refused("track", event="Order Completed", properties={"products": [{"price": "secret"}]}))
    assert "Order Completed: products.0.price" in error
    assert "secret" not in error


@pytest.mark.parametrize(
    "value",
    ["a\0b", "half \ud800", float("inf"), {"\0": 1}, [[["\0"]]]],
    ids=["NUL", "surrogate", "infinite", "name", "inside"],
)
def test_what_no_database_keeps(value: Any) -> None:
    """A NUL, half a character and an endless number are refused wherever they stand, even in fields that we do not know."""
    for place in ("properties", "traits", "context"):
        assert str(refused("track", event="Anything", **{place: {"x": value}})).startswith(f"{place}: ")


def test_deep_objects() -> None:
    """50 levels are taken, 51 are refused, and a thousand do no harm."""

    def nested(levels: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for _ in range(levels - 1):
            value = {"x": value}
        return value

    assert read("track", event="Anything", properties=nested(50)).properties
    for levels in (51, 900, 5000):
        assert "deep" in str(refused("track", event="Anything", properties=nested(levels)))


def test_event_size() -> None:
    """An event holds 64 kB at most, counted as it is sent: in UTF-8."""
    assert read("track", event="Anything", properties={"x": "a" * 65_000}).properties
    assert read("track", event="Anything", properties={"x": "я" * 32_500}).properties
    assert isinstance(refused("track", event="Anything", properties={"x": "a" * 66_000}), EventTooLarge)
    assert isinstance(refused("track", event="Anything", properties={"x": "я" * 33_000}), EventTooLarge)


def test_the_address_is_not_shown() -> None:
    """Neither the person's address nor the peer's is in the text of a message."""
    found = read("track", event="Signed Up", context={"ip": "192.0.2.7"})
    assert found.ip == "192.0.2.7"
    assert found.peer == "203.0.113.9"
    assert "ip=" not in repr(found)
    assert "peer=" not in repr(found)


def at(**stamps: Any) -> datetime:
    return read("track", event="Signed Up", **stamps).occurred_at


def test_clock_skew() -> None:
    """C3: a client whose clock is wrong is corrected by what it says of its own sending."""
    wrong = NOW + timedelta(days=400)
    stamps = {"timestamp": (wrong - timedelta(minutes=5)).isoformat(), "sentAt": wrong.isoformat()}
    assert at(**stamps) == NOW - timedelta(minutes=5)
    (found,) = messages(
        {
            "sentAt": stamps["sentAt"],
            "batch": [{"event": "Signed Up", "userId": "u", "timestamp": stamps["timestamp"]}],
        },
        call(),
    )
    assert isinstance(found, Incoming)
    assert found.occurred_at == NOW - timedelta(minutes=5)


def test_the_future_is_now() -> None:
    """C3: nothing happens later than it is received."""
    assert at(timestamp="2999-01-01T00:00:00Z") == NOW
    assert at(timestamp="2999-01-01T00:00:00Z", sentAt="2026-03-01T12:00:00Z") == NOW
    assert at() == NOW


def test_ways_to_write_a_moment() -> None:
    """ISO 8601 with or without a zone (then UTC), milliseconds since 1970, and null."""
    wanted = datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert at(timestamp="2026-02-01T08:00:00.000Z") == wanted
    assert at(timestamp="2026-02-01T09:00:00+01:00") == wanted
    assert at(timestamp="2026-02-01T08:00:00") == wanted
    assert at(timestamp=int(wanted.timestamp() * 1000)) == wanted
    assert at(originalTimestamp="2026-02-01T08:00:00Z") == wanted
    assert at(timestamp=None, sentAt="") == NOW


def test_two_moments() -> None:
    """C3: where a message holds both stamps, `timestamp` is when it happened, as it stands.

    RudderStack's clients keep the time of their own call beside what they were told; Segment's webhooks bring a time
    whose skew is taken out, with the client's own clock beside it.
    Killed by: believing originalTimestamp first; taking the skew out of timestamp once more.
    """
    told = {"timestamp": "2026-02-01T08:00:00Z", "originalTimestamp": "2026-03-01T08:00:00Z"}
    assert at(**told, sentAt="2026-03-01T08:00:01Z") == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert at(**told | {"timestamp": "2999-01-01T00:00:00Z"}) == NOW


@pytest.mark.parametrize(
    "stamps",
    [
        {"timestamp": "yesterday"},
        {"timestamp": []},
        {"timestamp": {"a": 1}},
        {"timestamp": 1e300},
        {"timestamp": "0001-01-01T00:00:00+14:00"},
        {"sentAt": "soon", "timestamp": "2026-02-01T08:00:00Z"},
        {"timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T00:00:00Z"},
    ],
)
def test_no_moment(stamps: dict[str, Any]) -> None:
    """What is no moment of any calendar is refused by name, never taken for now."""
    assert str(refused("track", event="Signed Up", **stamps)).split(":")[0] in ("timestamp", "sentAt")
