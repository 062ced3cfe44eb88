"""The page on which messages are read that were not really sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from activities.rendering import Templates
from ingestion.outbox_page import MAX_MESSAGES, OutboxMessage, outbox_page
from messages import Channel, Rendered, RenderedCall, RenderedCard, RenderedEmail

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
CARD = RenderedCard("Title", "Body", "https://shop.example/cart", "Go", "https://shop.example/1.png")


def _message(number: int, channel: Channel, user: str, rendered: Rendered) -> OutboxMessage:
    sent_at = START + timedelta(minutes=number)
    return OutboxMessage(f"m-{number}", channel, user, "cart/still_here", sent_at, "outbox", rendered)


class Page(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_newest_first() -> None:
    """Messages stand newest first, whatever order they come in."""
    page = Page(outbox_page([_message(n, "push", "u-1", CARD) for n in (2, 3, 1)]))
    assert [article["id"] for article in page.all("article")] == ["m-3", "m-2", "m-1"]


def test_email_in_a_frame(templates: Templates, data: dict[str, Any], person: dict[str, Any]) -> None:
    """An email stands in a frame of its own, whole, without scripts and without the page's origin."""
    mail = templates.render("email", "cart/last_call", language="en", data=data, person=person)
    assert isinstance(mail, RenderedEmail)
    frames = Page(outbox_page([_message(1, "email", "u-1", mail)])).all("iframe")
    assert len(frames) == 1
    assert frames[0]["srcdoc"] == mail.html.replace("<head>", '<head><base target="_blank">')
    sandbox = (frames[0]["sandbox"] or "").split()
    assert not {"allow-scripts", "allow-same-origin", "allow-top-navigation", "allow-forms"} & set(sandbox)


def test_a_call() -> None:
    """What a program would have been told stands there as JSON, and nothing of it becomes part of the page."""
    page = outbox_page([_message(1, "webhook", "u-1", RenderedCall({"tag": "<script>x()</script>", "name": "Zoë"}))])
    assert "<pre>{\n  &#34;tag&#34;: &#34;&lt;script&gt;x()&lt;/script&gt;&#34;,\n" in page
    assert "Zoë" in page
    assert Page(page).all("script") == []


def test_what_was_seen_of_it() -> None:
    """An in-app card says whether it was read, and until when it can be; what has expired looks like it. A push says neither."""
    read, end = START + timedelta(minutes=5), START + timedelta(hours=12)
    said = {
        (None, None, False): "unread",
        (read, None, False): "read 2026-03-01 09:05:00 UTC",
        (None, end, False): "unread · expires 2026-03-01 21:00:00 UTC",
        (read, end, True): "read 2026-03-01 09:05:00 UTC · expired 2026-03-01 21:00:00 UTC",
    }
    for (read_at, expires_at, is_expired), words in said.items():
        message = replace(
            _message(1, "in_app", "u-1", CARD), read_at=read_at, expires_at=expires_at, is_expired=is_expired
        )
        page = outbox_page([message])
        assert f'<p class="state">{words}</p>' in page
        assert [box["class"] for box in Page(page).all("div") if "inapp" in (box["class"] or "")] == [
            "inapp gone" if is_expired else "inapp"
        ]
        assert 'class="state"' not in outbox_page([replace(message, channel="push")])


def test_filters() -> None:
    """The page shows one channel, one person, or both, and links to each choice."""
    messages = [
        _message(1, "push", "u-1", CARD),
        _message(2, "in_app", "u-1", CARD),
        _message(3, "in_app", "u 2&channel=x", CARD),
    ]
    assert len(Page(outbox_page(messages, channel="in_app")).all("article")) == 2
    assert len(Page(outbox_page(messages, channel="in_app", user="u-1")).all("article")) == 1
    assert len(Page(outbox_page(messages, channel="", user="")).all("article")) == 3
    addresses = {link["href"] for link in Page(outbox_page(messages, user="u-1")).all("a")}
    assert {"?channel=email&user=u-1", "?user=u-1", "?"} <= addresses
    assert "?user=u+2%26channel%3Dx" in {link["href"] for link in Page(outbox_page(messages)).all("a")}


def test_empty() -> None:
    """An empty outbox says how to make a first message; an empty filter leads back to all."""
    assert "curl" in outbox_page([])
    page = outbox_page([_message(1, "push", "u-1", CARD)], user="u-9")
    assert "No message fits this filter" in page
    assert "curl" not in page


def test_nothing_from_outside() -> None:
    """The page itself loads nothing, runs nothing, and says so to the browser."""
    page = Page(outbox_page([]))
    assert not {"script", "link", "img", "iframe", "form"} & {name for name, _ in page.elements}
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_hostile() -> None:
    """Nothing that a message, a person or a query holds becomes part of the page."""
    evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 }}"
    mail = RenderedEmail(evil, evil, f"<html><head></head><body>{evil}</body></html>", evil)
    card = RenderedCard(evil, evil, "javascript:alert(1)", evil, "")
    messages = [
        OutboxMessage(evil, "email", evil, evil, START, evil, mail),
        OutboxMessage(evil, "push", evil, evil, START, evil, card),
        OutboxMessage(evil, "in_app", evil, evil, START, evil, card),
    ]
    for page in (outbox_page(messages), outbox_page(messages, user=evil), outbox_page(messages, channel=evil)):
        elements = Page(page).elements
        assert not {"script", "img", "svg"} & {name for name, _ in elements}
        for _, attributes in elements:
            assert not [name for name in attributes if name.startswith("on")]
            assert (attributes.get("href") or "?").startswith("?")


def test_many() -> None:
    """A page shows at most a hundred messages and says how many more there are."""
    page = outbox_page([_message(n, "push", "u-1", CARD) for n in range(MAX_MESSAGES + 7)])
    assert page.count("<article") == MAX_MESSAGES
    assert "7 older messages are not shown" in page
