"""What is refused of a webhook's template when it is loaded, and what a program is told by one that is right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.front_matter import MessageDetails
from activities.rendering import Shop, Templates
from docs.refresh import ROOT
from errors import TemplateError
from messages import RenderedCall
from tests.docs.blocks import blocks

SHOP = Shop("Shop", "https://shop.example", "Street 1", "help@shop.example")


def load(root: Path, body: str, matter: str = "data: cart=CartUpdated, tag") -> Templates:
    path = root / "webhook" / "crm" / "tagged.json.liquid"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\n{matter}\n---\n{body}", encoding="utf-8")
    return Templates(root, shop=SHOP)


def told(root: Path, body: str, data: dict[str, Any], **person: Any) -> dict[str, Any]:
    rendered = load(root, body).render("webhook", "crm/tagged", language="de", data=data, person=person)
    assert isinstance(rendered, RenderedCall)
    return rendered.data


def test_details(tmp_path: Path) -> None:
    """A webhook that says nothing about itself belongs to the account; it may say its kind, topic and expiry."""
    assert load(tmp_path, "{}").details("webhook", "crm/tagged") == MessageDetails(
        kind="service", data=frozenset({("cart", "CartUpdated"), ("tag", "")})
    )
    said = load(tmp_path, "{}", "kind: marketing\ntopic: ads\nexpires: 3h").details("webhook", "crm/tagged")
    assert (said.kind, said.topic, said.expires) == ("marketing", "ads", timedelta(hours=3))


def test_values_stay_values(tmp_path: Path) -> None:
    """Every value comes out as what it is: text, number, list, nothing; what would be written as money can be a number."""
    body = """{
      "tag": {{ tag | json }}, "value": {{ cart.value | plus: 0 | json }}, "count": {{ cart.products.size | json }},
      "cart": {{ cart | json }}, "nothing": {{ cart.coupon | json }}, "at_risk": {{ person.at_risk | json }}
    }"""
    cart = {"value": "59.90", "products": [{"name": "Hat"}]}
    assert told(tmp_path, body, {"tag": 'a "b"\\', "cart": cart}, at_risk=True) == {
        "tag": 'a "b"\\',
        "value": 59.9,
        "count": 1,
        "cart": cart,
        "nothing": None,
        "at_risk": True,
    }


@pytest.mark.parametrize(
    "tag",
    ['", "admin": true, "x": "', "}", "\\", "\u2028", "\ud800", "{{ shop.name }}", float("nan"), 10**400, [[]], None],
)
def test_no_value_leaves_its_place(tmp_path: Path, tag: object) -> None:
    """Whatever a value holds, the object keeps its shape."""
    assert list(told(tmp_path, '{"tag": {{ tag | json }}, "end": 1}', {"tag": tag})) == ["tag", "end"]


def test_captured(tmp_path: Path) -> None:
    """Text may be put together first and written as one value then."""
    body = '{% capture words %}{{ tag }} of {{ shop.name }}{% endcapture %}{"words": {{ words | json }}}'
    assert told(tmp_path, body, {"tag": 'a"b'}) == {"words": 'a"b of Shop'}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"tag": "{{ tag }}"}', "end {{ tag }} with `| json`, without quotes around it"),
        ('{"tag": {{ tag | upcase }}}', "end {{ tag | upcase }} with `| json`"),
        ('{"tag": {{ tag | json | upcase }}}', "with `| json`"),
        ('{"tag": {{ tag | json if tag else 1 }}}', "its Liquid is wrong"),
        ('{"tag": {% echo tag %}}', "with `| json`"),
        ('{% liquid echo tag %}{"a": 1}', "with `| json`"),
        ('{"tag": "{{ tag | json }}"}', "is no JSON"),
        ('{"tag": "about {{ tag | json }}"}', "is no JSON"),
        ('{"names": [{% for p in cart.products %}{{ p.name | json }},{% endfor %}]}', "is no JSON"),
        ('{"names": [{% for p in cart.products %}{{ p.name | json }}{% endfor %}]}', "is no JSON"),
        ('{"tag": 1,}', "is no JSON"),
        ('{"tag": NaN}', "is no JSON"),
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "JSON, but no object"),
        ("{{ tag | json }}", "JSON, but no object"),
        ('{"tag": {{ tga | json }}}', "'tga' is not known"),
        ('{"value": {{ cart.valeu | json }}}', "there is no 'valeu'"),
        ('{"tag": {% cycle "a", "b" %}}', "its Liquid is wrong"),
        ('{"tag": {{ tag | jsno }}}', "no filter 'jsno'; did you mean 'json'?"),
    ],
)
def test_refused(tmp_path: Path, body: str, says: str) -> None:
    """A body that could come out as no JSON object is refused with its file and what to mend."""
    with pytest.raises(TemplateError) as refused:
        load(tmp_path, body)
    assert str(refused.value).startswith("webhook/crm/tagged.json.liquid: ")
    assert says in str(refused.value)


@pytest.mark.parametrize("line", ["quiet_hours: hold", "over_cap: hold", "moment: best", "title: Hello", "body: {}"])
def test_no_such_key(tmp_path: Path, line: str) -> None:
    """A key that means nothing to a webhook is refused."""
    with pytest.raises(TemplateError, match="is not known here"):
        load(tmp_path, "{}", line)


def test_file_name(tmp_path: Path) -> None:
    """A file that is not called as a webhook's is, is refused with an example."""
    (tmp_path / "webhook").mkdir()
    (tmp_path / "webhook" / "tagged.en.liquid").write_text("---\n---\n{}")
    with pytest.raises(TemplateError, match=r"tagged.json.liquid"):
        Templates(tmp_path, shop=SHOP)


def test_what_loading_could_not_see(tmp_path: Path) -> None:
    """A branch that was never tried and makes no JSON is an error when it is taken, which tells nothing of the data."""
    templates = load(tmp_path, '{% if person.vip %}oops {{ tag | json }}{% endif %}{"tag": 1}')
    with pytest.raises(TemplateError, match=r"tagged.json.liquid: its body is no JSON") as refused:
        templates.render("webhook", "crm/tagged", language=None, data={"tag": "private"}, person={"vip": True})
    assert "private" not in str(refused.value)


def test_as_the_guide_shows_it() -> None:
    """The template in the guide is the one that ships."""
    (block,) = (block for block in blocks("messages.md") if block.language == "liquid")
    assert (ROOT / "templates" / block.file).read_text(encoding="utf-8") == block.text
