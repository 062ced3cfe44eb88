"""How a file of products is read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from errors import EventError, SettingsError
from ingestion.product_rows import offer_of, read_lines
from storage.products import Offer

TENT = {"product_id": "tent", "name": "Tent", "price": "59.90", "currency": "EUR"}


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv(tmp_path: Path) -> None:
    """Each column is read, a line break within quotes included; a line that is wrong is told by where it begins.

    Killed by: counting rows instead of lines.
    """
    text = (
        "product_id,name,category,brand,price,currency,url,image_url,stock,replenish_days\n"
        'tent,"Tent\nfor two",Tents,Northwind,59.90,eur,https://shop.example.com/tent,,4,\n'
        "mug,Mug,,,,,,,,30\n"
        "pot,,,,,,,,,\n"
        "a,b,c,d,e,f,g,h,i,j,k\n"
    )
    lines = [*read_lines(written(tmp_path, "shop.csv", text))]
    assert [line.number for line in lines] == [2, 4, 5, 6]
    assert lines[0].offer == Offer(
        *("tent", "Tent for two", "Tents", "Northwind", Decimal("59.90"), "EUR", "https://shop.example.com/tent"),
        stock=4,
    )
    assert lines[1].offer == Offer("mug", "Mug", replenish_days=30)
    assert (lines[2].offer, lines[2].problem, lines[2].product_id) == (None, "name: it is empty", "pot")
    assert "more cells" in lines[3].problem


def test_jsonl(tmp_path: Path) -> None:
    """One JSON object in a line; numbers are read to the last digit, and what is no object is told by its number.

    Killed by: float for a price.
    """
    text = '{"product_id": 7, "name": "Seven", "price": 1234567.89, "currency": "EUR"}\n\n[1]\n{"product_id"\n'
    text += '{"product_id": "x", "name": "X", "stock": 0}'
    lines = [*read_lines(written(tmp_path, "shop.jsonl", text))]
    assert lines[0].offer == Offer("7", "Seven", price=Decimal("1234567.89"), currency="EUR")
    assert [(line.number, line.offer is None) for line in lines[1:]] == [(3, True), (4, True), (5, False)]
    assert lines[3].offer == Offer("x", "X", stock=0)


def test_merchant_center(tmp_path: Path) -> None:
    """A product feed as Google's Merchant Center takes it is read as it is: its names, a price with its currency, availability.

    Killed by: leaving a name out of NAMES, or reading `out of stock` as available.
    """
    text = (
        "id,title,product_type,link,image_link,price,availability,condition\n"
        "t1,Tent,Tents > Small,https://shop.example.com/t1,https://cdn.example.com/t1.jpg,15.00 USD,in_stock,new\n"
        "t2,Old tent,Tents,https://shop.example.com/t2,,9.00 USD,out of stock,used\n"
    )
    first, second = (line.offer for line in read_lines(written(tmp_path, "feed.csv", text)))
    assert first is not None
    assert (first.category, first.price, first.currency, first.stock) == (
        "Tents > Small",
        Decimal("15.00"),
        "USD",
        None,
    )
    assert first.image_url == "https://cdn.example.com/t1.jpg"
    assert second is not None
    assert second.stock == 0


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"product_id": "x" * 201}, "product_id"),
        ({"product_id": True}, "product_id"),
        ({"name": "a\x00b"}, "name"),
        ({"price": "59,90"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "1e20"}, "price"),
        ({"price": True}, "price"),
        ({"currency": "Euro"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://[x"}, "url"),
        ({"image_url": "tent.jpg"}, "image_url"),
        ({"stock": "-1"}, "stock"),
        ({"stock": "1.5"}, "stock"),
        ({"replenish_days": "0"}, "replenish_days"),
        ({"availability": "soon"}, "availability"),
    ],
)
def test_what_is_wrong(changed: dict[str, Any], column: str) -> None:
    """What cannot be so is refused, by the name of its column.

    Killed by: leaving the check of that column out.
    """
    with pytest.raises(EventError, match=f"^{column}: "):
        offer_of(TENT | changed)


@pytest.mark.parametrize(("name", "text"), [("shop.txt", ""), ("shop.csv", "userId,email\n"), ("none.csv", None)])
def test_no_catalogue(tmp_path: Path, name: str, text: str | None) -> None:
    """A file that is none of products is refused as a whole, in one sentence that names it.

    Killed by: leaving the check of columns or endings out.
    """
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=name):
        next(read_lines(path))
