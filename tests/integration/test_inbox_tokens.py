"""Who may have a person's in-app messages: whoever shows a token that was made for them, and nobody else."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import delete

from ingestion.app import FrontDoor
from ingestion.inbox_json import BODY_LIMIT
from profiles.inbox_tokens import InboxPass, InboxTokens
from storage.people import read_person
from storage.tables import people
from tests.inboxes import DOORS, SECRET, Shop, opened_shop, routes_of, sent, visitor

DAY = timedelta(days=1)


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with opened_shop(database_url) as shop:
        yield shop


async def test_a_token(shop: Shop) -> None:
    """A backend is given a token for a day, or for as long as it says up to 30 days, which does not show whose it is.

    Killed by: USUAL = 2 days; LONGEST = 31 days; taking a fraction for a number of seconds.
    """
    for body, lifetime in (
        (None, DAY),
        ({"expires_in": 60}, timedelta(minutes=1)),
        ({"expires_in": 2_592_000}, 30 * DAY),
    ):
        before = datetime.now(UTC).replace(microsecond=0)
        answer = await shop.http.post("/v1/inbox/u-4242/token", **sent(body))
        assert answer.headers["cache-control"] == "no-store"
        assert list(answer.json()) == ["token", "expires_at"]
        assert before <= datetime.fromisoformat(answer.json()["expires_at"]) - lifetime <= datetime.now(UTC)
        raw = base64.urlsafe_b64decode(answer.json()["token"] + "==")
        assert b"4242" not in raw
    for wrong in (59, 2_592_001, -1, 0, True, 60.5, "60", None, [60], 1e400):
        answer = await shop.http.post("/v1/inbox/u/token", content=json.dumps({"expires_in": wrong}))
        assert answer.status_code == 400
        assert "expires_in" in answer.json()["error"]
    for nothing in (b"{", b"[]", b"null"):
        assert (await shop.http.post("/v1/inbox/u/token", content=nothing)).status_code == 400
    assert (await shop.http.post("/v1/inbox/u/token", content=b" " * (BODY_LIMIT + 1))).status_code == 413
    assert (await shop.http.post("/v1/inbox/u/token", headers={"Authorization": "Bearer no"})).status_code == 401
    assert await shop.door.rows(people) == []


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_401(shop: Shop, method: str, path: str) -> None:
    """No door opens to a token that is missing, forged, expired, of another secret or of a person who was erased, nor to a
    key; each says what to do, and nothing is changed.

    Killed by: leaving out `_pass` at any door; `opens` returning True.
    """
    message, now = await shop.put("u"), datetime.now(UTC)
    async with shop.database.read() as connection:
        person = await read_person(connection, "u")
    assert person is not None
    right = InboxPass("u", now + DAY, person.created_at)
    tokens = InboxTokens(SECRET)
    await shop.put("gone")
    gone = await visitor(shop, "gone")
    async with shop.database.write() as connection:
        await connection.execute(delete(people).where(people.c.user_id == "gone"))
    shown = [
        "", "Bearer ", "Bearer u", "Basic d2s6", f"Bearer {tokens.token(right)[:-1]}x", gone.headers["Authorization"],
        f"Bearer {tokens.token(replace(right, expires_at=now))}", f"Bearer {InboxTokens('x').token(right)}",
        f"Bearer {tokens.token(replace(right, since=now))}", "Bearer page-key",
    ]  # fmt: skip
    if path != "/v1/inbox/stream":  # which is also the inbox of somebody called "stream"
        shown.append("Bearer wk")
        shown.append(f"Basic {base64.b64encode(b'wk:').decode()}")
    else:
        shown.remove("Basic d2s6")
    body = sent({"ids": [message]} if method == "POST" else None)
    for header in shown:
        answer = await shop.http.request(method, path, headers={"Authorization": header}, **body)
        assert answer.status_code == 401, header
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["success"] is False
        assert "/token" in answer.json()["error"]
    assert [each["read_at"] for each in await shop.inbox("u")] == [None]
    assert await shop.door.stored("In-App Message Clicked") == []
    headers = {"Authorization": f"Bearer {tokens.token(right)}"}
    assert (await shop.http.request(method, path, headers=headers, **body)).status_code in (200, 501)


async def test_a_key_for_pages(shop: Shop) -> None:
    """The key that stands in a page, for all to see, opens nobody's messages and gets no token.

    Killed by: "browser" beside "read" in Inbox.token.
    """
    front = FrontDoor(shop.door.acceptor, shop.database, frozenset({"wk"}), page_keys=frozenset({"page-key"}))
    transport = httpx.ASGITransport(front.app(*routes_of(front, shop.door.acceptor, shop.database)))
    headers = {"Authorization": "Bearer page-key"}
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example.com", headers=headers) as http:
        for method, path in (
            *DOORS,
            ("GET", "/v1/inbox/u"),
            ("POST", "/v1/inbox/u/token"),
            ("POST", "/v1/inbox/u/read"),
        ):
            body = sent({"ids": []} if method == "POST" else None)
            assert (await http.request(method, path, **body)).status_code in (401, 403), path


async def test_somebody_called_stream(shop: Shop) -> None:
    """A backend has the inbox of a person whatever their id, also one that is a word of our addresses.

    Killed by: leaving out `inbox.show` in the route of the stream.
    """
    for user in ("stream", "seen", "clicked", "token", "read"):
        message = await shop.put(user)
        assert [each["id"] for each in await shop.inbox(user)] == [message]
        assert [each["id"] for each in await (await visitor(shop, user)).inbox()] == [message]


async def test_before_we_heard_of_them(shop: Shop) -> None:
    """A token that was made for somebody we had not heard of yet opens their inbox from their first message on.

    Killed by: returning False for `since` None in InboxPass.opens.
    """
    one = await visitor(shop, "u")
    assert await one.inbox() == []
    assert await shop.door.rows(people) == []
    message = await shop.put("u")
    assert [each["id"] for each in await one.inbox()] == [message]


async def test_without_streams(shop: Shop) -> None:
    """Where no connections are held open, a page is told what to ask instead.

    Killed by: leaving out the look at `streams` in OwnInbox.stream.
    """
    answer = await (await visitor(shop, "u")).ask("GET", "/v1/inbox/stream")
    assert answer.status_code == 501
    assert "GET /v1/inbox" in answer.json()["error"]
