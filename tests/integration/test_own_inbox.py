"""A person's own in-app messages: what they are given, and what follows when some are seen or clicked."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ingestion.app import FrontDoor
from ingestion.inbox_json import BODY_LIMIT
from profiles.inbox_tokens import InboxPass, InboxTokens
from storage.database import Database
from storage.people import read_person
from storage.tables import people
from tests.door import said
from tests.inboxes import CARD, DOORS, SECRET, Shop, opened_shop, put, routes_of, visitor

DAY = timedelta(days=1)


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with opened_shop(database_url) as shop:
        yield shop


async def test_what_is_given(shop: Shop) -> None:
    """A person is given exactly what a backend is given for them, under the id that their events are stored with.

    Killed by: leaving out Opaque in Inbox.token.
    """
    await shop.door.take(said("ada@example.com", "Signed Up"))
    (person,) = await shop.door.rows(people)
    older, newer = await put(shop.database, person.user_id), await put(shop.database, person.user_id, expires_in=DAY)
    await shop.put("v")
    await put(shop.database, person.user_id, expires_in=-DAY)
    ada = await visitor(shop, "ada@example.com")
    assert [message["id"] for message in await ada.inbox()] == [newer, older]
    assert await ada.inbox() == await shop.inbox("ada@example.com")


async def test_seen(shop: Shop) -> None:
    """Seen is what a backend calls read: the first moment stays, and it is one look for the person's best hour.

    Killed by: `counts=False` in OwnInbox.seen; leaving `read_at.is_(None)` out of READ.
    """
    ids = [await shop.put("u") for _ in range(3)]
    one = await visitor(shop, "u")
    assert (await one.say("seen", *ids[:2])).json() == {"success": True}
    before = await one.inbox()
    assert [message["read_at"] is None for message in before] == [True, False, False]
    await asyncio.gather(*(one.say("seen", *ids[:2]) for _ in range(5)), shop.read("u", *ids[:2]))
    assert await one.inbox() == before
    assert await shop.looks("u") == 1


async def test_clicked(shop: Shop) -> None:
    """A click is an event, once for ever for each message, with what it was and where it led, without its query; it says that
    the person is here, and that the message was seen, and counts as one look.

    Killed by: a random id in place of the message's in `_event`; leaving out note_read in OwnInbox.clicked, or its
    `counts=False`; the whole address in `_link`.
    """
    card = replace(CARD, link="https://ada:secret@shop.example.com/cart?token=abc#top")
    message = await put(shop.database, "u", card=card)
    other, expired = await shop.put("u"), await shop.put("u", expires_in=-DAY)
    one = await visitor(shop, "u")
    answers = await asyncio.gather(*(one.say("clicked", message, message) for _ in range(10)))
    assert [answer.json() for answer in answers] == [{"success": True}] * 10
    (event,) = await shop.door.stored("In-App Message Clicked")
    assert event.user_id == "u"
    assert event.properties == {
        "template": "cart/still_here", "send_key": message, "link": "shop.example.com/cart",
    }  # fmt: skip
    assert event.context["device"]["os"] == "Linux"
    assert [each["read_at"] is None for each in await one.inbox()] == [True, False]
    assert await shop.looks("u") == 1
    async with shop.database.read() as connection:
        person = await read_person(connection, "u")
    assert person is not None
    assert person.last_seen_at == event.occurred_at
    assert (await one.say("clicked", other, message, expired)).status_code == 200
    assert len(await shop.door.stored("In-App Message Clicked")) == 3


@pytest.mark.parametrize("link", ["", "/cart", "mailto:hi@shop.example.com", "https://[::1", "https://" + "a" * 1500])
async def test_wherever_it_leads(shop: Shop, link: str) -> None:
    """A click counts also where the message leads nowhere, or to no place that can be named.

    Killed by: leaving out ValueError in `_link`, or its bound.
    """
    message = await put(shop.database, "u", card=replace(CARD, link=link))
    assert (await (await visitor(shop, "u")).say("clicked", message)).status_code == 200
    (event,) = await shop.door.stored("In-App Message Clicked")
    assert "@" not in json.dumps(event.properties)


@pytest.mark.parametrize("what", ["seen", "clicked"])
async def test_what_is_not_theirs(shop: Shop, what: str) -> None:
    """An id that is not one of the person's in-app messages is named, changes nothing, and harms none beside it.

    Killed by: leaving user_id or channel out of IN_APP in storage/inbox.py.
    """
    mine, theirs, email = await shop.put("u"), await shop.put("v"), await shop.put("u", channel="email")
    one = await visitor(shop, "u")
    for ids in ([theirs], [email], ["never heard of"], [""]):
        answer = await one.say(what, *ids)
        assert answer.status_code == 404
        assert "ids" in answer.json()["error"]
    answer = await one.say(what, theirs, mine, email)
    assert answer.status_code == 200
    assert [each["index"] for each in answer.json()["rejected"]] == [0, 2]
    assert len(await shop.door.stored("In-App Message Clicked")) == (what == "clicked")
    assert [message["read_at"] is None for message in await shop.inbox("u") + await shop.inbox("v")] == [False, True]
    assert (await one.say(what)).json() == {"success": True}


@pytest.mark.parametrize("what", ["seen", "clicked"])
async def test_wrong_bodies(shop: Shop, what: str) -> None:
    """What does not name messages is refused with what is expected; a body over 32 kB is not read to its end.

    Killed by: leaving out ids_of or the limit in body_of.
    """
    one = await visitor(shop, "u")
    for body in (b"", b"{", b"[]", b'{"ids": "x"}', b'{"ids": [1]}', b'{"ids": ["\\u0000"]}', b"[" * 10_000):
        answer = await one.ask("POST", f"/v1/inbox/{what}", content=body)
        assert answer.status_code == 400
        assert "ids" in answer.json()["error"]
    assert (await one.say(what, *["x"] * 101)).status_code == 400
    assert (await one.ask("POST", f"/v1/inbox/{what}", content=b" " * (BODY_LIMIT + 1))).status_code == 413


async def test_generated(shop: Shop) -> None:
    """T18: whatever is said to a person's own doors, the answer is never a 500, and honest pages go on being answered.

    Killed by: leaving out RecursionError in body_of, or `isprintable` in ids_of.
    """
    dice, message, statuses = random.Random(19), await shop.put("u"), set[int]()
    one = await visitor(shop, "u")
    values: list[Any] = [None, True, 1e308, -1, "", "x", "\0", "\ud800", "𝕏" * 50, [], [message], {"a": [1]}, message]
    for _ in range(300):
        method, path = dice.choice([*DOORS, ("POST", "/v1/inbox/u/token")])
        ids = [dice.choice(values) for _ in range(dice.randrange(4))]
        body = json.dumps({dice.choice(["ids", "expires_in"]): dice.choice([ids, *values])}).encode()
        content = body[: dice.choice([len(body), dice.randrange(len(body) + 1)])]
        token = one.headers["Authorization"]
        header = dice.choice([token, token, token[: dice.randrange(len(token))], token + "=", "Bearer \x7f"])
        last = dice.choice(["", message, "x" * 500, "%00"])
        answer = await shop.http.request(
            method, f"{path}?token={dice.choice(['', '%00', 'x', '%ff'])}", content=content,
            headers={"Authorization": header, "Last-Event-ID": last},
        )  # fmt: skip
        statuses.add(answer.status_code)
    assert {200, 400, 401} <= statuses <= {200, 400, 401, 404, 501}
    assert [each["id"] for each in await one.inbox()] == [message]


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql+asyncpg://postgres@/x?host=/nowhere"])
async def test_503(url: str, shop: Shop) -> None:
    """While the database cannot be reached every door says so, and when to come back.

    Killed by: answering 401 where the person cannot be looked up.
    """
    away, token = Database(url), InboxTokens(SECRET).token(InboxPass("u", datetime.now(UTC) + DAY, None))
    front = FrontDoor(shop.door.acceptor, away, frozenset({"wk"}))
    transport = httpx.ASGITransport(front.app(*routes_of(front, shop.door.acceptor, away)))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example.com", headers=headers) as http:
        for method, path in DOORS:
            answer = await http.request(method, path, json={"ids": ["x"]})
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
    await away.close()
