"""Real, unmodified tracking clients for servers, pointed at our front door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rudderstack.analytics.client import Client
from sqlalchemy import Row

from storage.people import read_person
from storage.tables import carts
from tests import npm
from tests.fronts import KEY, Front, fronted
from tests.lost_answers import LostAnswers

CALLS = (npm.CLIENTS / "calls.mjs").read_text(encoding="utf-8")
NODE = ["segment", "rudderstack", "customerio"]
NAMES = sorted(
    [
        "Identified",
        "Page Viewed",
        "Screen Viewed",
        "Group",
        "Alias",
        "Product Added",
        "Cart Updated",
        "Order Completed",
    ]
)
USER = "u-42"
PRODUCT = {"product_id": "p-1", "name": "Tent", "category": "camping", "price": 59.9, "quantity": 2}
LINE = PRODUCT | {"price": "59.9"}


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return npm.installed(tmp_path_factory)


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path) as front:
        yield front


@pytest.mark.parametrize("client", NODE)
async def test_node(packages: Path, front: Front, client: str) -> None:
    """Everything that Segment's, RudderStack's and Customer.io's clients for Node tell of a person arrives as they told it.

    Killed by: believing originalTimestamp before timestamp; taking a group's traits for the member's.
    """
    url = f"http://127.0.0.1:{front.settings.port}"
    await npm.run(packages, "calls.mjs", CALLS, client, USER, FRONT_DOOR=url, WRITE_KEY=KEY)
    await everything_is_there(front)


@pytest.mark.parametrize("client", NODE)
async def test_node_again(packages: Path, front: Front, client: str) -> None:
    """B1: a client whose answer was lost sends its batch again, and each event is stored once.

    Killed by: counting what differs from one attempt to the next, such as sentAt, to the body of an event.
    """
    async with LostAnswers(front.settings.port, 1) as wire:
        await npm.run(packages, "calls.mjs", CALLS, client, USER, FRONT_DOOR=wire.url, WRITE_KEY=KEY)
    assert wire.lost == 1
    await everything_is_there(front)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_python(front: Front, packed: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Everything that RudderStack's client for Python tells of a person arrives as it told it.

    Killed by: refusing gzip; taking a group's traits for the member's.
    """
    failures = await told_by_rudderstack(f"http://127.0.0.1:{front.settings.port}", gzip=packed)
    assert failures == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    await everything_is_there(front)


async def test_python_again(front: Front) -> None:
    """B1: RudderStack's client for Python, too, sends again what it got no answer to, and each event is stored once.

    Killed by: counting what differs from one attempt to the next, such as sentAt, to the body of an event.
    """
    async with LostAnswers(front.settings.port, 1) as wire:
        failures = await told_by_rudderstack(wire.url)
    assert failures == []
    assert wire.lost == 1
    await everything_is_there(front)


async def told_by_rudderstack(url: str, **options: Any) -> list[Any]:
    """The same calls as tests/clients/calls.mjs; returns what the client says has failed."""
    failures: list[Any] = []
    client = Client(KEY, host=url, on_error=lambda *failure: failures.append(failure), max_retries=3, **options)
    client.identify(USER, {"email": "ada@example.com", "firstName": "Ada"})
    client.page(USER, "Docs", "Start", {"path": "/start"})
    client.screen(USER, "App", "Home")
    client.group(USER, "acme", {"name": "Acme", "email": "office@acme.example"})
    client.alias("a-1", USER)
    client.track(USER, "Product Added", dict(PRODUCT))
    order = {"order_id": "o-1", "value": 119.8, "currency": "EUR", "products": [dict(PRODUCT)]}
    client.track(USER, "Order Completed", order, timestamp=datetime.now(UTC) - timedelta(hours=3))
    await asyncio.to_thread(client.flush)
    await asyncio.to_thread(client.join)
    return failures


async def everything_is_there(front: Front) -> None:
    """Each event once, with what was told in it, and the person and cart that follow."""
    stored = {row.name: row for row in await front.door.stored()}
    assert sorted(row.name for row in await front.door.stored()) == NAMES
    assert {row.user_id for row in stored.values()} == {USER}
    assert stored["Page Viewed"].properties["path"] == "/start"
    assert stored["Group"].properties["groupId"] == "acme"
    assert stored["Alias"].anonymous_id == "a-1"
    assert stored["Product Added"].properties == LINE
    the_order_is_there(stored["Order Completed"])
    async with front.door.database.read() as connection:
        person = await read_person(connection, USER)
    assert person is not None
    assert person.traits == {"email": "ada@example.com", "firstName": "Ada"}
    assert (person.orders, person.spent) == (1, Decimal("119.8"))
    (cart,) = await front.door.rows(carts)
    assert [line["product_id"] for line in cart.products] == ["p-1"], "it was filled after the order, three hours later"


def the_order_is_there(order: Row[Any]) -> None:
    """With its line, exact to the cent, at the time that was told."""
    assert order.properties["products"] == [LINE]
    assert (order.properties["order_id"], order.properties["value"]) == ("o-1", "119.8")
    assert abs(order.occurred_at - (datetime.now(UTC) - timedelta(hours=3))) < timedelta(minutes=2)
