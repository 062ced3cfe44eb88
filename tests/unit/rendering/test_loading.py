"""What is refused when templates are loaded, before anybody is sent anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from activities.front_matter import MessageDetails
from activities.rendering import Shop, Templates
from errors import TemplateError
from messages import RenderedCard, RenderedEmail

SHOP = Shop("Shop", "https://shop.example", "Street 1", "help@shop.example")
LAYOUT = "<mjml><mj-body>{{ content }}</mj-body></mjml>"
MATTER = "---\nsubject: Hello\nkind: service\n---\n"


def _load(root: Path, files: Mapping[str, str]) -> Templates:
    for name, text in {"email/layout.mjml.liquid": LAYOUT, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Templates(root, shop=SHOP)


def _body(inner: str) -> str:
    return f"<mj-section><mj-column>{inner}</mj-column></mj-section>"


def _refused(root: Path, files: Mapping[str, str]) -> str:
    with pytest.raises(TemplateError) as refused:
        _load(root, files)
    return str(refused.value)


def test_details(templates: Templates) -> None:
    """Kind, topic, expiry and quiet hours are read from the front matter."""
    details = templates.details("email", "cart/last_call")
    assert (details.kind, details.topic, details.quiet_hours) == ("marketing", "carts", "hold")
    assert details.expires == timedelta(hours=24)
    assert templates.details("email", "post_purchase/thanks").kind == "transactional"
    assert templates.details("email", "onboarding/welcome").kind == "service"


def test_defaults(tmp_path: Path) -> None:
    """A file that says only its title is marketing that never expires and is held in quiet hours."""
    loaded = _load(tmp_path, {"push/hello.en.liquid": "---\ntitle: Hello\n---\nGood morning"})
    assert loaded.details("push", "hello") == MessageDetails("marketing", "general", None, "hold")
    rendered = loaded.render("push", "hello", language=None, data={}, person={})
    assert rendered == RenderedCard("Hello", "Good morning")


def test_unknown_template(templates: Templates) -> None:
    """An unknown template is named together with the ones it may have been meant to be."""
    with pytest.raises(TemplateError, match=r"no email template 'cart/stil_here'; did you mean cart/still_here"):
        templates.details("email", "cart/stil_here")
    with pytest.raises(TemplateError, match=r"no push template 'zzz'; put it below templates/push/"):
        templates.render("push", "zzz", language="en", data={}, person={})
    with pytest.raises(TemplateError, match="there is no email template"):
        templates.details("email", "../pages/outbox")


@pytest.mark.parametrize(
    ("language", "spoken"),
    [
        ("de", "Überlegst du noch?"),
        ("de-AT", "Überlegst du noch?"),
        ("DE_ch", "Überlegst du noch?"),
        ("en-GB", "Still thinking it over?"),
        ("fr", "Still thinking it over?"),
        ("", "Still thinking it over?"),
        ("../de", "Still thinking it over?"),
        (None, "Still thinking it over?"),
    ],
)
def test_language(templates: Templates, language: str | None, spoken: str) -> None:
    """People read their own language where we write it, and English otherwise."""
    card = templates.render("in_app", "cart/still_here", language=language, data={}, person={})
    assert isinstance(card, RenderedCard)
    assert card.title == spoken


def test_missing_language(tmp_path: Path) -> None:
    """A template without German is sent in English; a template without English is refused."""
    loaded = _load(tmp_path, {"push/hello.en.liquid": "---\ntitle: Hello\n---\nHi"})
    card = loaded.render("push", "hello", language="de", data={}, person={})
    assert isinstance(card, RenderedCard)
    assert card.title == "Hello"
    assert "push/gruss: write it in English too" in _refused(
        tmp_path, {"push/gruss.de.liquid": "---\ntitle: Hallo\n---\nGuten Tag"}
    )


@pytest.mark.parametrize("line", ["kind: service", "topic: orders", "expires: 3d", "quiet_hours: drop", "data: cart"])
def test_disagreement(tmp_path: Path, line: str) -> None:
    """A template whose languages disagree on how it is treated is refused."""
    files = {
        "push/hello.en.liquid": "---\ntitle: Hello\n---\nHi",
        "push/hello.de.liquid": f"---\ntitle: Hallo\n{line}\n---\nHallo",
    }
    message = _refused(tmp_path, files)
    assert (
        message
        == f"push/hello.de.liquid: its {line.partition(':')[0]} differs from push/hello.en.liquid; make them agree"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hello", "begin the file with its front matter"),
        ("---\ntitle: Hello\n", "begin the file with its front matter"),
        ("---\ntitle: Hello\n---\n", "say what its body is"),
        ("---\naction: Go\n---\nHi", "say what its title is"),
        ("---\ntitle: Hello\ntitel: Hallo\n---\nHi", "'titel' is not known here; did you mean 'title'?"),
        ("---\ntitle: Hello\ntitle: Hallo\n---\nHi", "'title' is there twice"),
        ("---\ntitle: Hello\njust words\n---\nHi", "write 'just words' as `key: value`"),
        ("---\ntitle: Hello\nbody: Hi\n---\nHi", "either in the front matter or below it"),
        ("---\ntitle: Hello\nkind: spam\n---\nHi", "kind is 'spam'; make it one of transactional, service, marketing"),
        ("---\ntitle: Hello\nquiet_hours: no\n---\nHi", "quiet_hours is 'no'; make it one of hold, drop, ignore"),
        ("---\ntitle: Hello\nexpires: soon\n---\nHi", "expires is 'soon'; write a number and m, h or d"),
        ("---\ntitle: Hello\nexpires: 0h\n---\nHi", "expires is '0h'"),
        ("---\ntitle: Hello\ntopic: Two Words\n---\nHi", "topic is 'Two Words'"),
        ("---\ntitle: Hello\ndata: cart CartUpdated\n---\nHi", "data has 'cart CartUpdated'"),
        ("---\ntitle: Hello\ndata: cart=CartUpdate\n---\nHi", "not in events.py; did you mean 'CartUpdated'?"),
        ("---\ntitle: {{ offer }}\n---\nHi", "'offer' is not known: add it to `data:`"),
        ("---\ntitle: Hello\n---\n{{ persn.first_name }}", "did you mean 'person'?"),
        ("---\ntitle: Hello\n---\n{{ shop.adress }}", "'shop.adress': there is no 'adress'"),
        ("---\ntitle: {% if x %}\n---\nHi", "its Liquid is wrong"),
        ("---\ntitle: Hello\n---\n{{ shop.name | trunkate }}", "no filter 'trunkate'; did you mean 'truncate'?"),
        ("---\ntitle: Hello\n---\n{% include 'x' %}", "its Liquid is wrong"),
        ("---\ntitle: Hello\n---\n{{ shop.name | safe }}", "there is no filter 'safe'"),
        ("---\ntitle: Hello\n---\n" + "{% if shop %}" * 40 + "x" + "{% endif %}" * 40, "its Liquid is wrong"),
    ],
)
def test_refused_card(tmp_path: Path, text: str, says: str) -> None:
    """A card file that is wrong is refused with its name and what to mend."""
    message = _refused(tmp_path, {"push/hello.en.liquid": text})
    assert message.startswith("push/hello.en.liquid: ")
    assert says in message


@pytest.mark.parametrize(
    ("path", "ok"),
    [
        ("{{ cart.value }}", True),
        ("{{ cart.valeu }}", False),
        ("{{ cart.gift_note }}", False),
        ('{{ cart.gift_note | default: "" }}', True),
        ("{{ cart.products[0].name }}", True),
        ("{{ cart.products[0].nmae }}", False),
        ("{{ cart.products.first.nmae }}", False),
        ("{{ cart.products.size }}", True),
        ("{% if cart.cupon %}x{% endif %}", False),
        ("{% for p in cart.products %}{{ p.name }}{{ forloop.index }}{% endfor %}", True),
        ("{% for p in cart.products %}{{ p.nmae }}{% endfor %}", False),
        ("{% for p in cart.prodcts %}x{% endfor %}", False),
        ("{% for p in cart.products %}{% endfor %}{{ p.name }}", False),
        ("{% assign all = cart.products %}{% for p in all %}{{ p.nmae }}{% endfor %}", False),
        ("{% assign all = cart.products | reverse %}{% for p in all %}{{ p.any }}{% endfor %}", True),
        ("{% capture word %}x{% endcapture %}{{ word }}", True),
        ("{{ cart.value | money: cart.curency }}", False),
        ("{{ person.anything.at_all }}", True),
    ],
)
def test_misspelt_field(tmp_path: Path, path: str, ok: bool) -> None:
    """A field an event does not have is refused, unless the template says what to write without it."""
    files = {"push/hello.en.liquid": f"---\ntitle: Hello\ndata: cart=CartUpdated\n---\nHi {path}"}
    if ok:
        _load(tmp_path, files)
    else:
        assert "push/hello.en.liquid: " in _refused(tmp_path, files)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (_body("<mj-txt>Hi</mj-txt>"), "<mj-txt> is not an MJML tag"),
        (_body("<mj-text>Hi"), "this is not MJML"),
        (_body("<mj-text>1 < 2</mj-text>"), "this is not MJML"),
        (_body('<mj-spacer title="{{ shop.name }}" />'), "move it into text or <mj-raw>"),
        (_body("<mj-text><a href={{ shop.url }}>Hi</a></mj-text>"), "this is not MJML"),
        (_body("<mj-text><p {{ shop.name }}>Hi</p></mj-text>"), "is inside a tag"),
        (_body('<mj-text colour="{{ shop.name }}">Hi</mj-text>'), "move it into text or <mj-raw>"),
        (_body('<mj-include path="parts/none.mjml.liquid" />'), "there is no parts/none.mjml.liquid"),
        (_body('<mj-button href="{{ shop.url }}">Hi</mj-button>'), "is an address; write it with `| link`"),
        (_body('<mj-image src="{{ shop.url }}" />'), "is an address; write it with `| link`"),
        (_body("<mj-text><a href='{{ shop.url }}'>Hi</a></mj-text>"), "is an address; write it with `| link`"),
        (_body("<mj-raw><script>x()</script></mj-raw>"), "JavaScript is not allowed"),
        (_body('<mj-text><a onclick="x()">Hi</a></mj-text>'), "JavaScript is not allowed"),
        (_body('<mj-text color="{{ shop.name }}">Hi</mj-text>'), "Liquid inside a style"),
        (_body("<mj-text>{{ ofer }}</mj-text>"), "'ofer' is not known"),
    ],
)
def test_refused_email(tmp_path: Path, body: str, says: str) -> None:
    """An email that would come out wrong, or unsafe, is refused with its name and what to mend."""
    message = _refused(tmp_path, {"email/hello.en.mjml.liquid": MATTER + body})
    assert message.startswith("email/hello.en.mjml.liquid: ")
    assert says in message


@pytest.mark.parametrize("name", ["email/hello.en.liquid", "email/hello.mjml.liquid", "push/Hello.en.liquid"])
def test_file_name(tmp_path: Path, name: str) -> None:
    """A file whose name does not say what it is, is refused with an example."""
    assert f"{name}: call it <name>.<language>." in _refused(tmp_path, {name: MATTER})


def test_whole_document(tmp_path: Path) -> None:
    """An email that is a whole MJML document needs no layout, and its loops repeat rows."""
    rows = "{% for p in cart.products %}<tr><td>{{ p.name }}</td></tr>{% endfor %}"
    source = f"<mjml><mj-body>{_body(f'<mj-table>{rows}</mj-table>')}</mj-body></mjml>"
    matter = "---\nsubject: Hello\nkind: service\ndata: cart=CartUpdated\n---\n"
    loaded = _load(tmp_path, {"email/hello.en.mjml.liquid": matter + source})
    cart = {"products": [{"name": "Hat"}, {"name": "Scarf"}]}
    mail = loaded.render("email", "hello", language="en", data={"cart": cart}, person={})
    assert isinstance(mail, RenderedEmail)
    assert mail.html.count("<tr><td>Hat</td></tr><tr><td>Scarf</td></tr>") == 1
    assert mail.text == "Hat\nScarf\n"


def test_marketing_needs_a_way_out(templates: Templates) -> None:
    """Marketing mail without an unsubscribe link is refused; service mail is not."""
    for way_out in ({}, {"unsubscribe_url": None}, {"unsubscribe_url": "javascript:alert(1)"}):
        with pytest.raises(TemplateError, match="pass an `unsubscribe_url`"):
            templates.render("email", "cart/still_here", language="en", data=way_out, person={})
        templates.render("email", "onboarding/welcome", language="en", data=way_out, person={})


def test_limits(tmp_path: Path) -> None:
    """A template that loops or writes without end is stopped, and the error holds none of its data."""
    loops = "{% for a in (1..1000) %}{% for b in (1..1000) %}x{% endfor %}{% endfor %}"
    grows = "{% assign s = person.word %}{% for i in (1..30) %}{% assign s = s | append: s %}{% endfor %}{{ s }}"
    for text in (loops, grows):
        loaded = _load(tmp_path, {"push/hello.en.liquid": f"---\ntitle: Hello\n---\n{text}"})
        with pytest.raises(TemplateError, match="cannot be rendered") as stopped:
            loaded.render("push", "hello", language="en", data={}, person={"word": "private words"})
        assert "private" not in str(stopped.value)
