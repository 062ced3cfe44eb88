"""The pictures of the journeys are those of their code."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from draw import PAGE, drawings, page_of
from rehearsal.mermaid import mermaid
from reporting.chart import FOLDER, Chart, Node, Way, chart_in, written
from reporting.picture import svg
from settings import ROOT
from tests.browsing import chromium, needs_browser
from tests.programs import Place, command
from workflows.catalogue import Catalogue

SHIPPED = sorted(path.stem for path in (ROOT / "journeys").glob("[a-z]*.py"))
"""Without those that tests add."""
TWO = (Node("start", "start", "Begun"), Node("finish", "end", "end"))


async def test_they_are_up_to_date() -> None:
    """Whoever changes a journey draws it anew: `make docs`.

    Killed by: changing a wait, a send or a condition of a journey that ships.
    """
    found = await drawings(SHIPPED)
    found[PAGE] = page_of([Catalogue.load()[name].journey for name in SHIPPED])
    assert {path.name for path in FOLDER.iterdir()} == found.keys()
    stale = [name for name, text in found.items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    assert not stale, f"{', '.join(stale)}: no longer what the code does; run `make docs`"
    assert found[PAGE].count(".svg)") == len(SHIPPED)


async def test_what_the_cart_shows() -> None:
    """The chart of a journey has each send, each wait with its answers, the way back of its loop, and what ends it.

    Killed by: leaving out ways back, labels, or the goal.
    """
    text = (await drawings(["cart_abandonment"]))["cart_abandonment.mmd"].splitlines()
    assert '    step1["in_app or push or email cart/still_here"]:::send' in text
    assert '    step2{{"Cart Updated within 1 day?"}}:::ask' in text
    assert '    step2 -- "Cart Updated" --> step2' in text
    assert '    step2 -- "no" --> step3' in text
    assert '    goal("Order Completed or Cart Emptied,<br/>at any moment"):::finish' in text


async def test_a_condition_of_the_code() -> None:
    """Where no answer tells which way it goes, the `if` of the file is written on the way.

    Killed by: taking the ways of all paths for one.
    """
    text = (await drawings(["post_purchase"]))["post_purchase.mmd"]
    assert '-- "order.category" -->' in text
    assert '-- "not order.category" -->' in text


def test_counts_stand_in_the_boxes(tmp_path: Path) -> None:
    """A chart is read as it was written, a picture takes counts by the words of a box, and what is no chart is none.

    Killed by: losing a way or a kind on the way, or looking counts up by anything else.
    """
    chart = chart_in(FOLDER, "cart_abandonment")
    assert chart is not None
    (tmp_path / "again.json").write_text(written(chart))
    assert chart_in(tmp_path, "again") == chart
    assert "17 sent" in svg(chart, "t", {"email cart/last_call": "17 sent"})
    assert "17 sent" not in svg(chart, "t")
    (tmp_path / "other.json").write_text("[]")
    assert chart_in(tmp_path, "other") is None
    assert chart_in(tmp_path, "missing") is None


def test_words_are_words() -> None:
    """What would be markup is text, in both.

    Killed by: leaving out escape in picture.py or _text in mermaid.py.
    """
    chart = Chart(TWO, (Way("start", "finish", 'a < b & "c"'),), "")
    root = ET.fromstring(svg(chart, "<b>"))
    assert 'a < b & "c"' in [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a #lt; b #amp; #quot;c#quot;" in mermaid(chart)


@needs_browser
@pytest.mark.parametrize("name", SHIPPED)
async def test_nothing_is_cut_or_covered(name: str) -> None:
    """In Chromium every word of a picture lies on the sheet, words of a box lie within it, and no word covers another.

    Killed by: a sheet too narrow for its lanes, or a lane as wide as the words of the one before.
    """
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 1600, "height": 2400})
        await page.set_content((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))
        boxes = await page.eval_on_selector_all(
            "svg, svg text", "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )
    sheet, *words = boxes
    assert len(words) >= 5
    for box in words:
        assert sheet["left"] <= box["left"] < box["right"] <= sheet["right"]
        assert sheet["top"] <= box["top"] < box["bottom"] <= sheet["bottom"]
    for place, one in enumerate(words):
        for other in words[place + 1 :]:
            across = min(one["right"], other["right"]) - max(one["left"], other["left"])
            down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
            assert across <= 0 or down <= 3, (one, other)


async def test_the_command(tmp_path: Path) -> None:
    """`starter.py draw` draws one journey or all into a folder, and says what it cannot.

    Killed by: writing the page of all where one was asked for.
    """
    place = Place(tmp_path)
    out = tmp_path / "drawn"
    said = await command(place, "starter.py", "draw", "win_back", "--out", str(out))
    assert said.code == 0, said.err
    assert {path.name for path in out.glob("*")} == {"win_back.svg", "win_back.mmd", "win_back.json"}
    wrong = await command(place, "starter.py", "draw", "win_bck", "--out", str(out))
    assert wrong.code == 1
    assert "win_back" in wrong.err
