"""How a file of products is read: each line one offer, or what is wrong with it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from errors import EventError, SettingsError
from storage.products import Offer

FORMATS = (".csv", ".jsonl")
NAMES = {
    "id": "product_id",
    "title": "name",
    "product_type": "category",
    "link": "url",
    "image_link": "image_url",
}
"""How a product feed for Google's Merchant Center calls the same."""
LONGEST = {"product_id": 200, "name": 500, "category": 500, "brand": 500}
AVAILABLE = {"in_stock": None, "preorder": None, "backorder": None, "out_of_stock": 0}
CURRENCY = re.compile(r"[A-Z]{3}")
MOST_STOCK = 10**12


@dataclass(frozen=True)
class Line:
    """One line of the file by its number, the first being 1; `offer` is None where it cannot be taken, `problem` says why."""

    number: int
    offer: Offer | None = None
    problem: str = ""
    product_id: str = ""
    """Which product it is about, if that can be read."""


def read_lines(path: Path) -> Iterator[Line]:
    """Each line in order; SettingsError for a file that is none of products."""
    if path.suffix.lower() not in FORMATS:
        raise SettingsError(f"{path.name}: expected a file whose name ends in {' or '.join(FORMATS)}.")
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from _csv_lines(file, path.name) if path.suffix.lower() == ".csv" else _json_lines(file)
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be read ({error.strerror}).") from None


def offer_of(values: Mapping[str, Any]) -> Offer:
    """The offer that these values describe; EventError names the column that is wrong."""
    told = {NAMES.get(name, name): value for name, value in values.items() if value not in (None, "")}
    for required in ("product_id", "name"):
        if required not in told:
            raise EventError(f"{required}: it is empty")
    price, currency = _price(told)
    texts = {name: _text(told[name], name, longest) for name, longest in LONGEST.items() if name in told}
    return Offer(
        **texts,
        price=price,
        currency=currency,
        url=_address(told, "url"),
        image_url=_address(told, "image_url"),
        stock=_stock(told),
        replenish_days=_whole(told, "replenish_days", 1, 3650),
    )


def _csv_lines(file: Any, name: str) -> Iterator[Line]:
    reader = csv.DictReader(file, strict=True)
    try:
        columns = {NAMES.get(column, column) for column in reader.fieldnames or ()}
    except csv.Error:
        raise SettingsError(f"{name}: the first line cannot be read as CSV.") from None
    if missing := [column for column in ("product_id", "name") if column not in columns]:
        raise SettingsError(f"{name}: the first line names the columns; {' and '.join(missing)} is missing.")
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Line(number, problem="it cannot be read as CSV: look for a quote that is never closed")
            continue
        if None in values:
            yield Line(number, problem="it has more cells than there are columns")
        else:
            yield _line(number, values)


def _json_lines(file: Any) -> Iterator[Line]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                values = json.loads(line, parse_float=str)
            except (ValueError, RecursionError):
                values = None
            yield (
                _line(number, values)
                if isinstance(values, dict)
                else Line(number, problem="it is not one JSON object in one line")
            )


def _line(number: int, values: Mapping[str, Any]) -> Line:
    told = {NAMES.get(name, name): value for name, value in values.items()}
    product_id = str(told.get("product_id") or "").strip()
    try:
        return Line(number, offer_of(values), product_id=product_id)
    except EventError as error:
        return Line(number, problem=str(error), product_id=product_id)


def _text(value: Any, name: str, longest: int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise EventError(f"{name}: expected a text")
    text = " ".join(str(value).split())
    if not text or len(text) > longest or not text.isprintable():
        raise EventError(f"{name}: expected a text of 1 to {longest} characters")
    return text


def _price(told: Mapping[str, Any]) -> tuple[Decimal | None, str | None]:
    """59.90, or with its currency, 59.90 EUR."""
    value, currency = told.get("price"), told.get("currency")
    if value is None:
        return None, None
    amount, _, behind = str(value).strip().partition(" ")
    try:
        price = Decimal(amount)
    except InvalidOperation:
        raise EventError("price: expected an amount such as 59.90 or 59.90 EUR") from None
    if isinstance(value, bool) or not price.is_finite() or not 0 <= price < 10**12 or price.as_tuple().exponent < -6:  # type: ignore[operator]
        raise EventError("price: expected an amount such as 59.90 or 59.90 EUR")
    unit = str(behind or currency or "").strip().upper()
    if not CURRENCY.fullmatch(unit):
        raise EventError("currency: expected three letters such as EUR, here or behind the price")
    return price, unit


def _address(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    if value is None:
        return None
    text = str(value).strip()
    try:
        is_one = urlsplit(text).scheme in ("http", "https") and bool(urlsplit(text).hostname)
    except ValueError:
        is_one = False
    if not is_one or len(text) > 1000 or not text.isprintable():
        raise EventError(f"{name}: expected an address that begins with https:// or http://")
    return text


def _stock(told: Mapping[str, Any]) -> int | None:
    availability = told.get("availability")
    if availability is not None:
        word = str(availability).strip().lower().replace(" ", "_")
        if word not in AVAILABLE:
            raise EventError(f"availability: expected one of {', '.join(AVAILABLE)}")
        if AVAILABLE[word] is not None:
            return AVAILABLE[word]
    return _whole(told, "stock", 0, MOST_STOCK)


def _whole(told: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = told.get(name)
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,13}", text) or not least <= int(text) <= most:
        raise EventError(f"{name}: expected a whole number from {least} on")
    return int(text)
