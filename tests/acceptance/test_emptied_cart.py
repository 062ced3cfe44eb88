"""A cart that holds nothing: in whatever words a client says so, nobody is reminded of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion.incoming import Incoming
from ingestion.segment import Call, messages
from ingestion.server_tags import server_tags
from ingestion.tealium import tealium_events
from storage.runs import entries_of_person
from tests.stage import Stage, kinds

HOUR = timedelta(hours=1)
LINE = {"product_id": "p", "price": "59.90", "quantity": 2}
ITEM = {"item_id": "p", "price": 59.9, "quantity": 2}
Door = Callable[[str, dict[str, Any]], Sequence[Any]]


def segment(user: str, message: dict[str, Any]) -> Sequence[Any]:
    return messages({"userId": user} | message, _call("track"))


def ga4(user: str, message: dict[str, Any]) -> Sequence[Any]:
    return server_tags({"user_id": user} | message, _call("batch"))


def tealium(user: str, message: dict[str, Any]) -> Sequence[Any]:
    return tealium_events({"customer_id": user} | message, _call("batch"))


def _call(kind: str) -> Call:
    return Call(kind, datetime.now(UTC), None, {})


ADDED = (segment, {"event": "Product Added", "properties": LINE})
REMOVED = (segment, {"event": "Product Removed", "properties": LINE})
TOLD = (segment, {"event": "Cart Updated", "properties": {"cart_id": "c", "value": "59.90"}})
IN_CART = {"cart_product_id": ["p"], "cart_product_unit_price": ["59.90"], "cart_product_quantity": ["2"]}
WAYS: dict[str, list[tuple[Door, dict[str, Any]]]] = {
    "segment removed": [ADDED, REMOVED],
    "segment emptied": [ADDED, (segment, {"event": "Cart Emptied"})],
    "segment viewed": [ADDED, (segment, {"event": "Cart Viewed", "properties": {"products": []}})],
    "own list": [TOLD, (segment, {"event": "Cart Updated", "properties": {"cart_id": "c", "products": []}})],
    "own lines of none": [
        TOLD,
        (segment, {"event": "Cart Updated", "properties": {"cart_id": "c", "products": [{**LINE, "quantity": 0}]}}),
    ],
    "own value": [TOLD, (segment, {"event": "Cart Updated", "properties": {"cart_id": "c", "value": 0}})],
    "own emptied": [TOLD, (segment, {"event": "Cart Emptied", "properties": {"cart_id": "c"}})],
    "own emptied, not named": [TOLD, (segment, {"event": "Cart Emptied"})],
    "ga4 removed": [
        (ga4, {"event_name": "add_to_cart", "items": [ITEM]}),
        (ga4, {"event_name": "remove_from_cart", "items": [ITEM]}),
    ],
    "ga4 viewed": [
        (ga4, {"event_name": "view_cart", "items": [ITEM]}),
        (ga4, {"event_name": "view_cart", "items": []}),
    ],
    "tealium emptied": [
        (tealium, {"tealium_event": "cart_view"} | IN_CART),
        (tealium, {"tealium_event": "cart_empty"}),
    ],
    "tealium viewed": [
        (tealium, {"tealium_event": "cart_view"} | IN_CART),
        (tealium, {"tealium_event": "cart_view", "cart_product_id": [], "cart_total_items": "0"}),
    ],
}
"""What fills a cart, and what says in the same client's words that it is empty."""


async def told(stage: Stage, user: str, way: tuple[Door, dict[str, Any]]) -> None:
    (found,) = way[0](user, way[1])
    assert isinstance(found, Incoming), found
    assert await stage.take(found) == [True]
    await stage.routed()


async def key_of(stage: Stage, user: str) -> str:
    async with stage.database.read() as connection:
        entered = await entries_of_person(connection, user)
    (key,) = [entry.place.key for entry in entered if entry.place.journey == "cart_abandonment"]
    return key


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_nobody_is_reminded_of_an_empty_cart(stage: Stage, user: str, way: list[Any]) -> None:
    """A cart that was filled and is empty again ends its journey while that still waits for quiet; nothing is sent.

    Killed by: translated without _holds_nothing (own), fold without `emptied` (viewed), Consequences._empty doing nothing
    (not named), cart_empty missing among TEALIUM_NAMES.
    """
    await stage.knows(user)
    await told(stage, user, way[0])
    key = await key_of(stage, user)
    await told(stage, user, way[1])
    account = await stage.result("cart_abandonment", user, key)
    assert account["outcome"].startswith("ended by Cart Emptied")
    assert account["sent"] == []
    assert await stage.sends(user) == []


@pytest.mark.parametrize("way", [WAYS["own list"], WAYS["segment viewed"], WAYS["tealium emptied"]])
async def test_no_last_call_for_an_empty_cart(stage: Stage, user: str, way: list[Any]) -> None:
    """A cart that is emptied after its first reminder gets no second one.

    Killed by: translated without _holds_nothing: the journey takes the empty list for a newer cart, and reminds of it.
    """
    await stage.knows(user)
    await told(stage, user, way[0])
    key = await key_of(stage, user)
    await stage.forward("cart_abandonment", user, key, by=HOUR)
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]
    await told(stage, user, way[1])
    assert (await stage.result("cart_abandonment", user, key))["outcome"].startswith("ended by Cart Emptied")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]


async def test_emptied_before_it_is_known_who_it_was(stage: Stage, user: str) -> None:
    """What a nobody puts into a cart and takes out again, at one moment, is no reason to remind who they turn out to be.

    Killed by: deriving no Cart Emptied of an adopted one: what is derived of the adding is routed after it, and starts.
    """
    nobody, now = f"{user}-nobody", datetime.now(UTC)
    await stage.take(
        stage.event(None, "Product Added", anonymous=nobody, at=now, cart_id="c", product_id="p", price="59.90"),
        stage.event(None, "Cart Emptied", anonymous=nobody, at=now, cart_id="c"),
    )
    await stage.happens(stage.event(user, "Identified", anonymous=nobody, traits={"email": f"{user}@example.com"}))
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"].startswith("ended by Cart Emptied")
    assert account["sent"] == []
