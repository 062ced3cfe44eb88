"""Which push address is believed, and which of several are one device."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from profiles.person import Person
from profiles.push_addresses import push_address

FID = "dInstallation_0123456-"
TOKEN = f"{FID}:APA91bToken"


@pytest.mark.parametrize(
    ("device", "address"),
    [
        ({"token": TOKEN, "type": "android"}, ("token", TOKEN)),
        ({"token": "an-older-token-without-colon"}, ("token", "an-older-token-without-colon")),
        ({"fid": FID}, ("fid", FID)),
        ({"fid": FID, "token": TOKEN}, ("fid", FID)),
        ({"token": FID}, ("fid", FID)),
        ({"fid": "no id", "token": TOKEN}, ("token", TOKEN)),
        ({"fid": "a" + FID[1:]}, None),
        ({"fid": FID + "x"}, None),
        ({"token": "ff15bc0c20c4aa6cd50854ff165fd265c838e5405bfeb9571066395b8c9da449", "type": "ios"}, None),
        ({"token": "x" * 4097}, None),
        ({"token": ""}, None),
        ({"token": None, "fid": None}, None),
        ({"token": ["t"], "fid": {"a": 1}}, None),
        ("phone", None),
        (None, None),
    ],
)
def test_push_address(device: Any, address: tuple[str, str] | None) -> None:
    """An installation id before a token, wherever it stands; what Firebase cannot know is no address."""
    assert push_address({"device": device}) == address
    assert push_address({}) is None


def person(*addresses: tuple[str, str]) -> Person:
    somebody = Person("u-1", datetime(2026, 3, 1, tzinfo=UTC))
    for kind, value in addresses:
        somebody.hold(kind, value)
    return somebody


def test_one_installation() -> None:
    """A new address of an installation takes the place of its older one, whichever of both kinds they are."""
    phone, renewed, tablet = ("token", TOKEN), ("token", f"{FID}:APA91bRenewed"), ("token", "cTablet:APA91b")
    assert [held["value"] for held in person(phone, tablet, renewed).tokens] == [tablet[1], renewed[1]]
    assert person(phone, ("fid", FID)).tokens == [{"kind": "fid", "value": FID}]
    assert person(("fid", FID), phone).tokens == [{"kind": "token", "value": TOKEN}]


def test_the_device_used_last() -> None:
    """Whoever goes back to an older device is reached there."""
    phone, tablet = ("token", "cPhone:APA91b"), ("token", "cTablet:APA91b")
    assert person(phone, tablet, phone).tokens[-1]["value"] == phone[1]
