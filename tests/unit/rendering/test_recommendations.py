"""What a template may say of recommendations and forecasts, and what it costs those that do not ask."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.drafting import Drafting
from activities.rendering import Shop, Templates
from errors import TemplateError
from messages import RenderedCall, RenderedCard
from profiles.person import Person
from profiles.unsubscribe_links import UnsubscribeLinks
from workflows.profile import Profile
from workflows.requests import MessageRequest

SHOP = Shop("Shop", "https://shop.example.com", "Street 1", "hi@example.com")
LIST = "{% for each in recommendations %}{{ each.name }} {{ each.price | money: each.currency }};{% endfor %}"
TENT = {"product_id": "tent", "name": "Tent", "price": "59.90", "currency": "EUR"}


def templates(folder: Path, body: str, front: str = "", channel: str = "push") -> Templates:
    """One template `t`, and what every email needs."""
    call = channel == "webhook"
    head = f"---\n{'' if call else 'title: T' + chr(10)}{front}---\n"
    for name, text in {
        f"{channel}/t.{'json' if call else 'en'}.liquid": head + body,
        "email/layout.mjml.liquid": "<mjml><mj-body>{{ content }}</mj-body></mjml>",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Templates(folder, shop=SHOP)


def said(found: Templates, **data: object) -> str:
    rendered = found.render("push", "t", language="en", data=data, person={})
    assert isinstance(rendered, RenderedCard)
    return rendered.body


def test_list(tmp_path: Path) -> None:
    """Any template may go through the list, also where there is nothing in it, or nothing was looked up.

    Killed by: leaving `or []` out of Templates.render.
    """
    found = templates(tmp_path, LIST + "{{ recommendations.size }}")
    assert said(found, recommendations=[TENT]) == "Tent €59.90;1"
    assert said(found, recommendations=[]) == said(found) == said(found, recommendations=None) == "0"


def test_misspelt(tmp_path: Path) -> None:
    """A field that a product does not have is refused when the template is loaded, with the one that was meant.

    Killed by: None for the shape of `recommendations`.
    """
    with pytest.raises(TemplateError, match=r"there is no 'naem'; did you mean 'name'"):
        templates(tmp_path, "{% for each in recommendations %}{{ each.naem }}{% endfor %}")


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        ("Hi {{ person.first_name }}", set()),
        ("{{ person.next_category }}", {"foretold"}),
        ("{% if person.buy_probability > 0.5 %}Hi{% endif %}", {"foretold"}),
        ("{% assign products = recommendations %}{{ products.size }}", {"recommendations"}),
        ("{% assign recommendations = person.orders %}{{ recommendations }}", set()),
        ("{% assign who = person %}{{ who.orders }}", {"foretold"}),
    ],
)
def test_asks(tmp_path: Path, body: str, asks: set[str]) -> None:
    """What a template asks for is known when it is loaded; for one that asks for nothing, nothing is looked up.

    Killed by: an empty set, or both words, for every template.
    """
    assert templates(tmp_path, body).asks("push", "t", "en") == asks


def test_by_the_journey(tmp_path: Path) -> None:
    """A journey may give a list itself, under that name or another; it is then that one.

    Killed by: the list that was looked up behind that of the journey in Drafting.draft.
    """
    mug, ada = TENT | {"name": "Mug"}, Person("ada", datetime(2026, 3, 1, tzinfo=UTC))
    for name in ("recommendations", "picks"):
        front = "data: picks\nkind: service\n" if name == "picks" else "kind: service\n"
        found = templates(tmp_path / name, LIST.replace("recommendations", name), front)
        drafting = Drafting(found, UnsubscribeLinks("secret", "http://127.0.0.1"))
        request = MessageRequest(channel="push", template="t", data={name: [mug]})
        rendered = drafting.draft(ada, Profile(user_id="ada"), request, [TENT]).rendered
        assert isinstance(rendered, RenderedCard)
        assert rendered.body == "Mug €59.90;"


def test_webhook(tmp_path: Path) -> None:
    """A webhook can tell the list to another program; that this makes JSON is tried with an empty and with a full one.

    Killed by: leaving `some` out of read_call.
    """
    body = '{"picks": [{% for each in recommendations %}{{ each.product_id | json }}{% unless forloop.last %},{% endunless %}{% endfor %}]}'
    rendered = templates(tmp_path, body, channel="webhook").render(
        "webhook", "t", language=None, data={"recommendations": [TENT, TENT]}, person={}
    )
    assert rendered == RenderedCall({"picks": ["tent", "tent"]})
    broken = '{"picks": [{% for each in recommendations %}{{ each.product_id | json }}{% endfor %}]}'
    with pytest.raises(TemplateError, match="no JSON"):
        templates(tmp_path, broken, channel="webhook")
