"""The guide to recommendations: its template is accepted, and its catalogue can be imported as it stands."""

from __future__ import annotations

from pathlib import Path

from activities.rendering import Templates
from docs.refresh import DOCS
from ingestion.product_rows import read_lines
from messages import RenderedEmail
from settings import Settings
from tests.docs.blocks import blocks, templates_of

PAGE = "recommend.md"


def test_template(tmp_path: Path) -> None:
    """The guide's template lists what it is given, and can be sent where there is nothing.

    Killed by: leaving `recommendations` out of ALWAYS in activities/template_names.py.
    """
    templates = Templates(templates_of(PAGE, tmp_path), shop=Settings().shop)
    told = {"unsubscribe_url": "https://shop.example.com/u"}
    tent = {"product_id": "t-1", "name": "Tent", "price": "59.90", "currency": "EUR"}
    full = templates.render("email", "news/for_you", language="en", data=told | {"recommendations": [tent]}, person={})
    empty = templates.render("email", "news/for_you", language="en", data=told, person={})
    assert isinstance(full, RenderedEmail)
    assert isinstance(empty, RenderedEmail)
    assert full.html.count("€59.90") == 2
    assert "Have a look" not in empty.html


def test_catalogue(tmp_path: Path) -> None:
    """The guide's file is read without a complaint.

    Killed by: another name of a column in the guide.
    """
    (text,) = (block.text for block in blocks(PAGE) if block.text.startswith("product_id,"))
    file = tmp_path / "shop.csv"
    file.write_text(text)
    lines = [*read_lines(file)]
    assert [line.problem for line in lines] == ["", ""]
    assert [line.offer.replenish_days for line in lines if line.offer] == [None, 30]
    columns = text.splitlines()[0].split(",")
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    assert all(f"`{column}`" in page for column in columns)
