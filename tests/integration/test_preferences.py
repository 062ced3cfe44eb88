"""The page on which people choose what they get: what they save is what is stored, and what holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ingestion.pages import Pair
from tests.door import Door, opened_door, said
from tests.visiting import Form, Links, links_of

CARTS: Pair = ("email", "carts")
NEWS: Pair = ("*", "news")


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


@pytest.fixture
async def links(door: Door) -> AsyncIterator[Links]:
    """A shop with one topic that one has to ask for, and of which there is no message yet."""
    async with links_of(door.database, door.acceptor, opt_in="news") as links:
        yield links


async def opened(links: Links, user: str = "u") -> Form:
    answer = await links.http.get(links.to_choose(user))
    assert answer.status_code == 200
    return Form(answer.text)


async def saved(links: Links, form: Form, *ticked: Pair, do: str = "save", told: str = "Your choice is saved") -> Form:
    """The page that confirms what was saved."""
    answer = await links.http.post(links.to_choose("u"), data=form.filled(*ticked, do=do))
    assert answer.status_code == 200
    assert (told if do == "save" else "you will get nothing more") in answer.text
    return Form(answer.text)


async def test_what_is_shown(door: Door, links: Links) -> None:
    """Every topic of the templates is there, ticked unless it was refused; what is opt-in is ticked once it was asked for."""
    form = await opened(links)
    assert {topic for _, topic in form.shown} == {"carts", "onboarding", "orders", "after_purchase", "win_back", "news"}
    assert form.ticked == form.shown - {NEWS}
    await door.take(said("u", "Unsubscribed", channel="email", topic="carts"), said("u", "Subscribed", topic="news"))
    assert (await opened(links)).ticked == form.shown - {CARTS}


async def test_saved(door: Door, links: Links) -> None:
    """What is ticked and saved is what the page shows afterwards, also when it is opened anew; only changes are stored."""
    form = await opened(links)
    wanted = {CARTS, ("push", "win_back"), NEWS}
    assert (await saved(links, form, *wanted)).ticked == wanted
    assert (await opened(links)).ticked == wanted
    stored = len(await door.stored("Subscribed", "Unsubscribed"))
    assert stored == len(form.shown) - 2
    assert (await saved(links, form, *wanted)).ticked == wanted
    assert len(await door.stored("Subscribed", "Unsubscribed")) == stored


async def test_nothing_at_all(links: Links) -> None:
    """H3: after "nothing at all" nothing is wanted, not even what is new; one topic that is ticked again really comes back.

    Killed by: writing a narrow consent without lifting the wide refusal, in `words`.
    """
    form = await opened(links)
    form = await saved(links, form, *form.shown, do="nothing")
    assert form.ticked == set()
    assert (await links.consents("u")).refuses("email", "what_comes_later")
    assert (await saved(links, form, CARTS)).ticked == {CARTS}
    consents = await links.consents("u")
    assert not consents.refuses("email", "carts")
    assert consents.refuses("email", "onboarding")
    assert consents.refuses("push", "what_comes_later")
    assert not consents.asks_for("email", "another_opt_in")


async def test_one_person(links: Links) -> None:
    """What one person saves is nothing that another person has said."""
    form = await opened(links)
    await saved(links, form, do="nothing")
    assert (await opened(links, "v")).ticked == form.ticked


async def test_a_click_meanwhile(links: Links) -> None:
    """H2: a form that was opened before the person left a topic by one click does not bring that topic back when it is saved.

    Killed by: taking every ticked box for a consent, in `save`.
    """
    form = await opened(links)
    await links.http.post(links.to_leave("u"))
    after = await saved(links, form, *form.ticked, NEWS, told="Something had changed")
    assert after.ticked == form.ticked - {CARTS} | {NEWS}
    for number in range(20):
        user = f"u-{number}"
        answers = await asyncio.gather(
            links.http.post(links.to_choose(user), data=form.filled(*form.ticked)),
            links.http.post(links.to_leave(user)),
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        assert CARTS not in (await opened(links, user)).ticked


async def test_a_form_from_elsewhere(links: Links) -> None:
    """A channel or topic that the shop does not have is not stored, whoever writes it into the form."""
    form = await opened(links)
    form.lacked |= {("email", "else"), ("letter", "carts"), ("*", "*")}
    await saved(links, form, ("email", "else"), ("letter", "carts"), ("*", "*"))
    consents = await links.consents("u")
    assert consents.given == frozenset()
    assert {topic for _, topic in consents.refused} == {"carts", "onboarding", "orders", "after_purchase", "win_back"}
