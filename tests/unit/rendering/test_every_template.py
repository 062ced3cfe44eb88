"""Every template that ships, in every language, with everything known and with nothing known."""

from __future__ import annotations

import time
from typing import Any

import pytest

from activities.rendering import Templates
from messages import Channel, Rendered, RenderedCall, RenderedCard, RenderedEmail

Every = list[tuple[Channel, str, str]]


def test_ships_what_the_journeys_say(templates: Templates) -> None:
    """The messages the five journeys name are all there, in English and German."""
    assert set(templates.names("email")) == {
        *(f"onboarding/{name}" for name in ("welcome", "complete_profile", "first_video", "first_look", "checklist")),
        *("cart/still_here", "cart/last_call", "win_back/we_miss_you", "win_back/last_offer"),
        *(f"post_purchase/{name}" for name in ("thanks", "help", "review", "upsell")),
    }
    onboarding = {"onboarding/complete_profile", "onboarding/first_video", "onboarding/first_look"}
    assert set(templates.names("in_app")) == onboarding | {"cart/still_here"}
    reminders = {"cart/still_here", "post_purchase/review", "win_back/we_miss_you"}
    assert set(templates.names("push")) == onboarding | reminders
    assert {tuple(templates.languages("email", name)) for name in templates.names("email")} == {("de", "en")}


def _complete(rendered: Rendered) -> None:
    if isinstance(rendered, RenderedCall):
        assert rendered.data
        return
    if isinstance(rendered, RenderedCard):
        assert rendered.title
        assert rendered.body
        assert rendered.link.startswith("https://")
        return
    assert rendered.subject
    assert rendered.preheader
    assert rendered.html.startswith("<!doctype html>")
    assert len(rendered.text) > 150
    for leftover in ("{{", "{%", "<mj", "None", "undefined", "fonts.googleapis", "liquid0"):
        assert leftover not in rendered.html
        assert leftover not in rendered.text


def test_with_everything(templates: Templates, every: Every, data: dict[str, Any], person: dict[str, Any]) -> None:
    """A message for somebody we know well is complete."""
    for channel, name, language in every:
        _complete(templates.render(channel, name, language=language, data=data, person=person))


def test_with_nothing(templates: Templates, every: Every, data: dict[str, Any]) -> None:
    """A message for somebody we know nothing about, about a fact that says nothing, is still complete."""
    empty: list[dict[str, Any]] = [{}, {"cart": {}, "order": {}}, {"cart": None, "order": {"products": [{}, None]}}]
    for facts in empty:
        for channel, name, language in every:
            known = {**facts, "unsubscribe_url": data["unsubscribe_url"]}
            rendered = templates.render(channel, name, language=language, data=known, person={})
            _complete(rendered)
            if isinstance(rendered, RenderedCall):
                continue
            words = str(rendered) if isinstance(rendered, RenderedCard) else rendered.subject + rendered.text
            for hole in (" ,", " .", " ?", " !", "()", ": \n", "€ ", ", !"):
                assert hole not in words, (channel, name, language)


def test_plain_part(templates: Templates, data: dict[str, Any], person: dict[str, Any]) -> None:
    """The plain part reads like the email: its words, its products, its prices and its addresses, without markup."""
    data["cart"]["products"][0]["name"] = "Blue & Green Shoes"
    mail = templates.render("email", "cart/still_here", language="en", data=data, person=person)
    assert isinstance(mail, RenderedEmail)
    assert "Hey Ada, you picked some good things." in mail.text
    assert "Blue & Green Shoes (https://shop.example/p/1) €59.90\nWool Hat 2 × €50.00\n" in mail.text
    assert "Back to my cart: https://shop.example/cart\n" in mail.text
    assert f"Unsubscribe ({data['unsubscribe_url']})" in mail.text
    assert "<" not in mail.text
    assert "\n\n\n" not in mail.text


@pytest.mark.parametrize(
    ("language", "first_name", "subject"),
    [
        ("en", "Ada", "Hey Ada, your cart awaits!"),
        ("en", None, "Hey there, your cart awaits!"),
        ("en", "   ", "Hey there, your cart awaits!"),
        ("en", "win-money.example/now", "Hey there, your cart awaits!"),
        ("en", "X" * 60, "Hey there, your cart awaits!"),
        ("en", "J. R.", "Hey J. R., your cart awaits!"),
        ("en", "D’Arcy-Zoë", "Hey D’Arcy-Zoë, your cart awaits!"),
        ("de", "Ada", "Hey Ada, dein Warenkorb wartet!"),
        ("de", None, "Hey, dein Warenkorb wartet!"),
    ],
)
def test_greeting(
    templates: Templates, data: dict[str, Any], language: str, first_name: str | None, subject: str
) -> None:
    """A missing first name, or one that is an advertisement, reads naturally."""
    person = {"first_name": first_name}
    mail = templates.render("email", "cart/still_here", language=language, data=data, person=person)
    assert isinstance(mail, RenderedEmail)
    assert mail.subject == subject


def test_subject_experiment(templates: Templates, data: dict[str, Any], person: dict[str, Any]) -> None:
    """The variant chooses the subject; a cart without names falls back to the other one."""
    data["variant"] = "product"
    mail = templates.render("email", "cart/still_here", language="en", data=data, person=person)
    assert isinstance(mail, RenderedEmail)
    assert mail.subject == "Still thinking about Blue Shoes?"
    data["cart"]["products"] = []
    mail = templates.render("email", "cart/still_here", language="en", data=data, person=person)
    assert isinstance(mail, RenderedEmail)
    assert mail.subject == "Hey Ada, your cart awaits!"


def test_pickup_offer(templates: Templates, data: dict[str, Any], person: dict[str, Any]) -> None:
    """The store is named only where pickup is offered."""
    offered = templates.render("email", "cart/last_call", language="en", data=data, person=person)
    plain = templates.render("email", "cart/last_call", language="en", data={**data, "offer": None}, person=person)
    assert isinstance(offered, RenderedEmail)
    assert isinstance(plain, RenderedEmail)
    assert "Pick it up at Hamburg Altona" in offered.text
    assert "Altona" not in plain.html + plain.text + plain.preheader


def test_win_back_by_segment(templates: Templates, data: dict[str, Any]) -> None:
    """A good customer, one at risk, and everybody else are told different things."""
    subjects = set()
    for segments in (["high_value"], ["at_risk"], [], None, "nonsense", 3):
        mail = templates.render(
            "email", "win_back/we_miss_you", language="en", data=data, person={"segments": segments}
        )
        assert isinstance(mail, RenderedEmail)
        subjects.add(mail.subject)
    assert subjects == {
        "We kept something for our best customers",
        "Did we get something wrong?",
        "It has been a while",
    }


def test_help_by_category(templates: Templates, data: dict[str, Any], person: dict[str, Any]) -> None:
    """Advice after a purchase fits what was bought."""
    texts = set()
    for category in ("Running Shoes", "Electronics", "Clothing", "Garden", "Else", None):
        mail = templates.render(
            "email", "post_purchase/help", language="en", data={**data, "category": category}, person=person
        )
        assert isinstance(mail, RenderedEmail)
        texts.add(mail.text)
    assert len(texts) == 5


def test_footer(templates: Templates, every: Every, data: dict[str, Any], person: dict[str, Any]) -> None:
    """Marketing mail carries the way out and the postal address, in both parts; transactional mail has no way out."""
    for channel, name, language in every:
        rendered = templates.render(channel, name, language=language, data=data, person=person)
        if not isinstance(rendered, RenderedEmail):
            continue
        assert "Hafenstraße 1, 20457 Hamburg" in rendered.html
        assert "Hafenstraße 1, 20457 Hamburg" in rendered.text
        kind = templates.details(channel, name).kind
        assert (data["unsubscribe_url"] in rendered.text) is (kind != "transactional")
        assert (data["unsubscribe_url"].replace("&", "&amp;") in rendered.html) is (kind != "transactional")


def test_is_fast(templates: Templates, every: Every, data: dict[str, Any], person: dict[str, Any]) -> None:
    """A message takes less than 5 milliseconds of processor time."""
    started = time.process_time()
    for channel, name, language in every:
        templates.render(channel, name, language=language, data=data, person=person)
    assert (time.process_time() - started) / len(every) < 0.005
