"""What tells who somebody is never becomes a key."""

from __future__ import annotations

import time

import pytest

from ingestion.opaque import Opaque

OPAQUE = Opaque("a secret")


@pytest.mark.parametrize(
    "value",
    [
        "ada@example.com",
        "Ada <ada@example.com>",
        "user:ada@example.com/1",
        "ada+tag@mail.example.co.uk",
        "ädä@exämple.de",
        "+49 170 1234567",
        "+491701234567",
        "ada%40example.com",
        "(030) 123 456 78",
        "030 12345678",
    ],
)
def test_addresses_and_phone_numbers(value: str) -> None:
    """H6: a user id that is or holds an email address, or is a phone number, becomes a keyed hash, always the same."""
    found = OPAQUE.user_id(value)
    assert found.startswith("h-")
    assert len(found) == 26
    assert found == OPAQUE.user_id(value)
    assert found != Opaque("another secret").user_id(value)
    assert value not in found


@pytest.mark.parametrize(
    "value",
    [
        "u-42",
        "123456789",
        "00uid8qk2XhU5p",
        "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "2026-03-01",
        "@handle",
        "a@b",
        "cart/17",
    ],
)
def test_ids_stay(value: str) -> None:
    """An id that tells nothing stays readable; a bare row of digits is a database's id."""
    assert OPAQUE.user_id(value) == value


def test_an_address_has_no_case() -> None:
    """The same address in other letters is the same person."""
    assert OPAQUE.user_id("Ada@Example.com") == OPAQUE.user_id(" ada@example.com ")


def test_facts() -> None:
    """Addresses are replaced wherever they stand in a value; everything else stays."""
    hidden = OPAQUE.user_id("ada@example.com")
    facts = {
        "note": "for ada@example.com.",
        "lines": [{"to": ("ADA@example.com",)}],
        "path": "/unsubscribe/ada%40example.com?x=1",
        "two": "ada@example.com,bob@example.org",
        "n": 1,
        "none": None,
        "ok": True,
    }
    assert OPAQUE.facts(facts) == {
        "note": f"for {hidden}.",
        "lines": [{"to": [hidden]}],
        "path": f"/unsubscribe/{hidden}?x=1",
        "two": f"{hidden},{OPAQUE.user_id('bob@example.org')}",
        "n": 1,
        "none": None,
        "ok": True,
    }


@pytest.mark.parametrize(
    "text", ["@" + "a" * 32_000, "%40" * 10_000, "a@" * 16_000, "a@" + "b." * 15_000, "a.%40" * 6_000]
)
def test_no_text_takes_long(text: str) -> None:
    """An event of 32 kB that is made to be slow is looked through in well under a second."""
    started = time.process_time()
    OPAQUE.facts(text)
    assert time.process_time() - started < 0.5
