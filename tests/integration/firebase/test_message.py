"""What Firebase is given to say, and that it takes it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from activities.channels.firebase import Firebase
from errors import Refused
from messages import RenderedCard
from tests.doubles.firebase import FirebaseDouble
from tests.pushing import FID, TITLE, TOKEN, envelope, failure

TAG = "2c70e12b7a0646f92279f427c7b38e73"
"""The first half of SHA-256 of "key"."""


async def message_for(channel: Firebase, double: FirebaseDouble, **changes: Any) -> dict[str, Any]:
    await channel.send(envelope("key", **changes))
    return double.calls[-1].message


async def test_message(channel: Firebase, double: FirebaseDouble) -> None:
    """The message says what and where it leads, bears one tag on every platform, and names nobody."""
    assert await message_for(channel, double) == {
        "token": TOKEN,
        "notification": {"title": TITLE, "body": "Still here"},
        "data": {"send_key": "key", "template": "cart/still_here", "link": "https://shop.example/cart/canary"},
        "android": {"collapse_key": TAG, "priority": "normal", "notification": {"tag": TAG}},
        "apns": {"headers": {"apns-collapse-id": TAG}, "payload": {"aps": {"thread-id": "cart_reminders"}}},
        "webpush": {"notification": {"tag": TAG}, "fcm_options": {"link": "https://shop.example/cart/canary"}},
        "fcm_options": {"analytics_label": "cart-still_here"},
    }


async def test_installation(channel: Firebase, double: FirebaseDouble) -> None:
    """An installation id is addressed as such."""
    message = await message_for(channel, double, address=FID, address_kind="fid")
    assert message["fid"] == FID
    assert "token" not in message


@pytest.mark.parametrize(
    ("valid_for", "seconds"),
    [
        (timedelta(hours=3, milliseconds=700), 10_800),
        (timedelta(days=100), 28 * 86_400),
        (timedelta(0), 0),
        (timedelta(seconds=-5), 0),
    ],
    ids=str,
)
async def test_expiry(channel: Firebase, double: FirebaseDouble, valid_for: timedelta, seconds: int) -> None:
    """A device that is switched off gets it within the time it makes sense, on every platform, or never."""
    message = await message_for(channel, double, valid_for=valid_for)
    assert message["android"]["ttl"] == f"{seconds}s"
    assert message["webpush"]["headers"] == {"TTL": str(seconds)}
    until = int(message["apns"]["headers"]["apns-expiration"])
    assert 0 <= time.time() + seconds - until < 10


@pytest.mark.parametrize(
    ("kind", "priority"), [("marketing", "normal"), ("service", "high"), ("transactional", "high")]
)
async def test_priority(channel: Firebase, double: FirebaseDouble, kind: str, priority: str) -> None:
    """Only what cannot wait wakes a sleeping phone."""
    assert (await message_for(channel, double, kind=kind))["android"]["priority"] == priority


async def test_picture(channel: Firebase, double: FirebaseDouble) -> None:
    """A picture is shown, also on iOS, where the notification must be mutable for that."""
    card = RenderedCard("Your cart", "Still here", image="https://shop.example/tent.png")
    message = await message_for(channel, double, rendered=card)
    assert message["notification"]["image"] == "https://shop.example/tent.png"
    assert message["apns"]["payload"]["aps"]["mutable-content"] == 1
    assert "link" not in message["data"]


async def test_plain_addresses(channel: Firebase, double: FirebaseDouble) -> None:
    """Where a link or a picture is not https, the app has the link among the data, and the rest is left out."""
    card = RenderedCard("Your cart", "Still here", link="shop://cart", image="http://shop.example/tent.png")
    message = await message_for(channel, double, rendered=card)
    assert message["data"]["link"] == "shop://cart"
    assert "fcm_options" not in message["webpush"]
    assert "image" not in message["notification"]


async def test_icon(double: FirebaseDouble, key_file: Any) -> None:
    """The icon stands beside a web push."""
    channel = Firebase(key_file, icon="https://shop.example/icon.png")
    assert (await message_for(channel, double))["webpush"]["notification"]["icon"] == "https://shop.example/icon.png"
    await channel.close()


@pytest.mark.parametrize("template", ["a" * 80, "größe/ä b", "x.y~z%1-2_3"])
async def test_label(channel: Firebase, double: FirebaseDouble, template: str) -> None:
    """Whatever a template is called, Firebase takes its label."""
    label = (await message_for(channel, double, template=template))["fcm_options"]["analytics_label"]
    assert len(label) == min(len(template), 50)


@pytest.mark.parametrize(
    "changes", [{"rendered": RenderedCard("Long", "x" * 5000)}, {"template": ""}], ids=["large", "nameless"]
)
async def test_unfit(channel: Firebase, double: FirebaseDouble, changes: dict[str, Any]) -> None:
    """What cannot be sent for its own sake is refused, once and for all, and the address is not blamed for it."""
    assert type(await failure(channel, envelope(**changes))) is Refused
    assert double.accepted.total() == 0
