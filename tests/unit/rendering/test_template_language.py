"""The two filters templates have beside Liquid's own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from activities.template_language import link, money


@pytest.mark.parametrize(
    ("amount", "currency", "english", "german"),
    [
        ("59.90", "EUR", "€59.90", "59,90\xa0€"),
        ("59.9", "USD", "$59.90", "59,90\xa0$"),
        ("1234567.5", "GBP", "£1,234,567.50", "1.234.567,50\xa0£"),
        ("1200", "JPY", "¥1,200", "1.200\xa0¥"),
        ("49", "SEK", "SEK\xa049.00", "49,00\xa0SEK"),
        ("-5", "EUR", "-€5.00", "-5,00\xa0€"),
        ("-0.001", "EUR", "€0.00", "0,00\xa0€"),
        (Decimal("0.30"), "EUR", "€0.30", "0,30\xa0€"),
        (3, None, "3.00", "3,00"),
        ("3", "<b>", "3.00", "3,00"),
    ],
)
def test_money(amount: object, currency: str | None, english: str, german: str) -> None:
    """An amount is written as people who read that language write it."""
    assert money(amount, currency, "en") == english
    assert money(amount, currency, "de") == german


@pytest.mark.parametrize("amount", [None, "", "free", "NaN", "Infinity", "1e999999", "9" * 50, True, [], {}])
def test_not_money(amount: object) -> None:
    """What is not an amount is not written at all."""
    assert money(amount, "EUR") == ""


@pytest.mark.parametrize(
    "address",
    ["https://shop.example/a?b=c&d=%20#e", "http://127.0.0.1:8000/x", "mailto:help@shop.example", "HTTPS://X.Y"],
)
def test_link(address: str) -> None:
    """Addresses of the web and of mail go through as they are."""
    assert link(address) == address


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "data:text/html,x", "/cart", "//evil.example", "shop.example", "", "#", None, 3, []),
        *("https://", "https://a b", "ftp://x.y", "tel:123", 'https://x.y/"onclick="', "https://x.y/" + "a" * 2_000),
    ],
)
def test_no_link(address: object) -> None:
    """Everything else leads nowhere, or to the address given instead."""
    assert link(address) == "#"
    assert link(address, "https://shop.example") == "https://shop.example"
    assert link(address, "javascript:alert(1)") == "#"
    assert link(address, "") == ""
