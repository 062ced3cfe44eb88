"""What the people door says of somebody, to whom, and what it answers where there is nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from ingestion.keys import digest_of
from storage.keys import GivenKey, add_key
from tests.door import said
from tests.enrolling import begun, finished
from tests.fronts import KEY, Front, fronted

ODD = (
    "%00",
    "nobody",
    "a%2Fb",
    "%F0%9F%A6%94",
    "%FF",
    "x" * 300,
    "..%2F..%2Fetc",
    "%22%3B%20drop",
    "%20",
    "",
    "eve%0A",
)


@pytest_asyncio.fixture
async def front(database_url: str, tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(database_url, tmp_path, default_zone="Europe/Madrid") as front:
        yield front


async def test_a_person(front: Front) -> None:
    """Traits, zone and its source, consent, segments, open carts and journeys are told as they are now.

    Killed by: leaving closed carts in People.show, or calling every entry open in _journeys.
    """
    door = front.door
    day = timedelta(days=1)
    await door.take(
        said("ada", "Identified", traits={"email": "ada@example.com", "timezone": "Europe/Berlin", "plan": "pro"}),
        said("ada", "Signed Up", ago=90 * day),
        said("ada", "Cart Updated", cart_id="c-1", value="20", currency="EUR"),
        said("ada", "Order Completed", cart_id="c-1", value="20", currency="EUR"),
        said("ada", "Cart Updated", cart_id="c-2", value="30", currency="EUR", products=[{"product_id": "p"}]),
        said("ada", "Unsubscribed", channel="email", topic="carts"),
    )
    await finished(door.database, await begun(door.database, "cart_abandonment"))
    answer = await front.http.get("/v1/people/ada", auth=(KEY, ""))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["userId"] == "ada"
    assert told["traits"] == {"email": "ada@example.com", "timezone": "Europe/Berlin", "plan": "pro"}
    assert told["zone"] == {"name": "Europe/Berlin", "source": "profile"}
    assert told["segments"] == []
    assert told["orders"]["count"] == 1
    assert told["consent"] == [{"channel": "email", "topic": "carts", "given": False}]
    assert [cart["cartId"] for cart in told["carts"]] == ["c-2"]
    assert [(line["journey"], line["key"]) for line in told["journeys"]["open"]] == [("cart_abandonment", "c-2")]
    assert told["journeys"]["passed"] == []
    assert datetime.fromisoformat(told["lastSeenAt"]).tzinfo is not None


async def test_zone_and_its_source(front: Front) -> None:
    """A zone that an address told is told as such; of somebody without any it is the shop's.

    Killed by: leaving the look at the newest event out of People.show.
    """
    await front.door.take(said("bob", "Signed Up"), said("eve", "Signed Up", context={"timezone": "Asia/Tokyo"}))
    found = [(await front.http.get(f"/v1/people/{user}", auth=(KEY, ""))).json()["zone"] for user in ("bob", "eve")]
    assert found == [{"name": "Europe/Berlin", "source": "geoip"}, {"name": "Asia/Tokyo", "source": "event"}]
    await front.post("track", {"userId": "cyd", "event": "Nothing"}, **{"X-Forwarded-For": "203.0.113.200"})
    zone = (await front.http.get("/v1/people/cyd", auth=(KEY, ""))).json()["zone"]
    assert zone["name"] == ("Europe/Madrid" if zone["source"] == "default" else zone["name"])


@pytest.mark.parametrize("odd", ODD)
async def test_odd_ids(front: Front, odd: str) -> None:
    """An id that nobody has, or can have, is answered with 404 and what to do, whatever it is made of.

    Killed by: leaving the look at `isprintable` out of People.show (PostgreSQL refuses a NUL).
    """
    answer = await front.http.get(f"/v1/people/{odd}", auth=(KEY, ""))
    assert answer.status_code == 404
    assert "POST /v1/identify" in answer.json()["error"]


async def test_who_may_ask(front: Front) -> None:
    """Only a key that may read is told anything, and an address is found under the hash that stands for it.

    Killed by: asking for the scope `write` in People.show, or leaving Opaque out of it.
    """
    scopes: dict[str, int] = {"read": 200, "write": 403, "browser": 403}
    async with front.door.database.write() as connection:
        for scope in scopes:
            key = GivenKey(f"k-{scope}", digest_of(scope), scope, frozenset([scope]), datetime.now(UTC))
            await add_key(connection, key)
    await front.door.take(said("ada@example.com", "Signed Up"))
    for scope, status in scopes.items():
        answer = await front.http.get("/v1/people/ada@example.com", auth=(scope, ""))
        assert answer.status_code == status
        assert "ada@example.com" not in answer.text
    assert (await front.http.get("/v1/people/ada@example.com")).status_code == 401
