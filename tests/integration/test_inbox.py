"""In-app messages: what a backend is given of them, and what follows when it says that they were read."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from ingestion.app import FrontDoor
from ingestion.inbox_json import BODY_LIMIT, MOST
from storage.database import Database
from storage.inbox import inbox_of
from storage.tables import people
from tests.door import said
from tests.inboxes import CARD, Shop, opened_shop, put, routes_of
from tests.sending import desk

HOUR = timedelta(hours=1)
AFTERNOON = datetime(2026, 3, 3, 15, tzinfo=UTC)


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with opened_shop(database_url) as shop:
        yield shop


def problem(answer: httpx.Response) -> str:
    """The one sentence that says what is wrong."""
    body = answer.json()
    assert body["success"] is False
    assert body["error"].endswith(".")
    return str(body["error"])


async def test_what_is_given(shop: Shop) -> None:
    """A person's in-app messages are given newest first with all that a site shows, read ones as well; nobody else's, and
    none of another channel.
    """
    older, newer = await shop.put("u"), await shop.put("u", expires_in=HOUR)
    await shop.put("u", channel="push")
    await shop.put("v")
    await shop.read("u", older)
    first, second = await shop.inbox("u")
    assert list(first) == [
        "id", "template", "title", "body", "link", "action", "image", "sent_at", "expires_at", "read_at",
    ]  # fmt: skip
    assert (first["id"], first["template"], first["read_at"]) == (newer, "cart/still_here", None)
    assert {name: first[name] for name in vars(CARD)} == vars(CARD)
    assert datetime.fromisoformat(first["expires_at"]) - datetime.fromisoformat(first["sent_at"]) == HOUR
    assert (second["id"], second["expires_at"]) == (older, None)
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(second["read_at"]) < HOUR


async def test_expired(shop: Shop) -> None:
    """What has expired is not given any more, read or not; who has it on the screen can still read it."""
    stale, fresh = await shop.put("u", expires_in=-timedelta(seconds=1)), await shop.put("u", expires_in=HOUR)
    assert (await shop.read("u", stale)).status_code == 200
    assert [message["id"] for message in await shop.inbox("u")] == [fresh]


async def test_when_it_expires(database_url: str, tmp_path: Path) -> None:
    """An in-app message lives as long as its template says, counted from when the journey wanted it, to the last moment."""
    async with desk(database_url, tmp_path, expires="2h") as at:
        await at.person("u", last_seen_at=AFTERNOON)
        sent = await at.ask("u", AFTERNOON, channel="in_app", due=AFTERNOON - timedelta(minutes=30))
        assert sent.status == "accepted"
        end = AFTERNOON + timedelta(minutes=90)
        async with at.database.read() as connection:
            (message,) = await inbox_of(connection, "u", end, MOST)
            assert await inbox_of(connection, "u", end + timedelta(microseconds=1), MOST) == []
        assert (message.sent_at, message.expires_at, message.read_at) == (AFTERNOON, end, None)


async def test_without_an_end(database_url: str, tmp_path: Path) -> None:
    """A message whose template does not say how long it lives stays for good."""
    async with desk(database_url, tmp_path) as at:
        await at.person("u", last_seen_at=AFTERNOON)
        await at.ask("u", AFTERNOON, channel="in_app")
        async with at.database.read() as connection:
            (message,) = await inbox_of(connection, "u", AFTERNOON + 10_000 * timedelta(days=1), MOST)
        assert message.expires_at is None


async def test_the_first_reading_stays(shop: Shop) -> None:
    """A message is read once, however often it is said; that moment stays, and it counts as one look."""
    one, other = await shop.put("u"), await shop.put("u")
    assert (await shop.read("u", one)).json() == {"success": True}
    _, before = await shop.inbox("u")
    answers = await asyncio.gather(*(shop.read("u", one) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await shop.inbox("u"))[1] == before
    assert await shop.looks("u") == 1
    await asyncio.gather(*(shop.read("u", other, one) for _ in range(10)))
    assert await shop.looks("u") == 2


async def test_one_look(shop: Shop) -> None:
    """Messages that are read together are one look, in the hour of the person's own day."""
    await shop.door.take(said("u", "Identified", traits={"timezone": "Asia/Kolkata"}))
    ids = [await shop.put("u") for _ in range(5)]
    before = datetime.now(UTC)
    await shop.read("u", *ids, *ids)
    hours = {str((moment + timedelta(hours=5, minutes=30)).hour) for moment in (before, datetime.now(UTC))}
    (person,) = await shop.door.rows(people)
    assert list(person.hours.values()) == [1]
    assert set(person.hours) <= hours


async def test_at_once(shop: Shop) -> None:
    """Of looks that are told of at the same moment none is lost."""
    ids = [await shop.put("u") for _ in range(10)]
    await asyncio.gather(*(shop.read("u", one) for one in ids))
    assert await shop.looks("u") == len(ids)


async def test_what_is_not_theirs(shop: Shop) -> None:
    """An id that is not one of the person's in-app messages is named, changes nothing, and harms none beside it."""
    mine, theirs, email = await shop.put("u"), await shop.put("v"), await shop.put("u", channel="email")
    for ids in ([theirs], [email], ["never heard of"], [""]):
        answer = await shop.read("u", *ids)
        assert answer.status_code == 404
        assert "ids" in problem(answer)
    answer = await shop.read("u", theirs, mine, email)
    assert answer.status_code == 200
    assert [each["index"] for each in answer.json()["rejected"]] == [0, 2]
    assert [message["read_at"] is None for message in await shop.inbox("u") + await shop.inbox("v")] == [False, True]
    assert await shop.looks("v") == 0


async def test_nobody(shop: Shop) -> None:
    """Somebody we have never heard of has an empty inbox, and asking for it makes nobody known."""
    assert await shop.inbox("nobody") == []
    assert (await shop.read("nobody", "x")).status_code == 404
    assert (await shop.http.post("/v1/inbox/nobody/read", json={"ids": []})).json() == {"success": True}
    assert await shop.door.rows(people) == []


@pytest.mark.parametrize("user", ["ada@example.com", "+49 30 1234567", "a/b/read", "ü ?#%", "u" * 200])
async def test_any_user_id(shop: Shop, user: str) -> None:
    """The inbox is found under the id that events are sent with: also one that is an address, or has a slash in it."""
    await shop.door.take(said(user, "Signed Up"))
    (person,) = await shop.door.rows(people)
    message, path = await put(shop.database, person.user_id), quote(user, safe="")
    assert [each["id"] for each in await shop.inbox(path)] == [message]
    assert (await shop.read(path, message)).status_code == 200
    assert (await shop.inbox(path))[0]["read_at"]


async def test_as_many_as_bearable(shop: Shop) -> None:
    """Of very many messages the newest hundred are given, and as many can be read at once."""
    ids = [await shop.put("u") for _ in range(MOST + 1)]
    given = [message["id"] for message in await shop.inbox("u")]
    assert given == ids[:0:-1]
    assert (await shop.read("u", *given)).status_code == 200
    assert (await shop.read("u", *ids)).status_code == 400


async def test_401(shop: Shop) -> None:
    """Without a write key nothing is given and nothing is changed; each way to present it is taken, as for events."""
    message = await shop.put("u")
    body = {"ids": [message]}
    for presented in ("Bearer no", "Basic !!", ""):
        headers = {"Authorization": presented}
        for answer in (
            await shop.http.get("/v1/inbox/u", headers=headers),
            await shop.http.post("/v1/inbox/u/read", json=body, headers=headers),
        ):
            assert answer.status_code == 401
            assert "python starter.py key" in problem(answer)
    (unread,) = await shop.inbox("u")
    assert unread["read_at"] is None
    assert (await shop.http.get("/v1/inbox/u", auth=("wk", ""))).status_code == 200
    in_body = await shop.http.post("/v1/inbox/u/read", json=body | {"writeKey": "wk"}, headers={"Authorization": ""})
    assert in_body.status_code == 200


async def test_nothing_is_kept_on_the_way(shop: Shop) -> None:
    """No cache may keep what a person was given."""
    assert (await shop.http.get("/v1/inbox/u")).headers["cache-control"] == "no-store"


BODIES: list[Any] = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 10_000, b'{"ids": ' + b"9" * 5_000 + b"}",
    {}, {"ids": None}, {"ids": "x"}, {"ids": {}}, {"ids": [1]}, {"ids": [None]}, {"ids": [["x"]]},
    {"ids": ["\0"]}, {"ids": ["\ud800"]}, {"ids": ["x" * 201]}, {"ids": ["x"] * 101},
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body)[:20].encode("ascii", "replace").decode())
async def test_400(shop: Shop, body: Any) -> None:
    """A body that does not name messages is refused with a sentence that says what is expected, and nothing is changed."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await shop.http.post("/v1/inbox/u/read", content=content)
    assert answer.status_code == 400
    assert "ids" in problem(answer)


@pytest.mark.parametrize("path", ["", "%00", "a%09b", "u%0A", "u%0Av", "u" * 201])
async def test_no_user_id(shop: Shop, path: str) -> None:
    """What cannot be anybody's id is refused, at both doors; nor is it taken for the id that it begins with.

    Killed by: Starlette's own `path` in PathId.
    """
    await shop.put("u")
    for answer in (await shop.http.get(f"/v1/inbox/{path}"), await shop.read(path, "x")):
        assert answer.status_code == 400
        assert "user id" in problem(answer)


async def test_413(shop: Shop) -> None:
    """A body over 32 kB is not read to its end."""
    answer = await shop.http.post("/v1/inbox/u/read", content=b" " * (BODY_LIMIT + 1))
    assert answer.status_code == 413
    assert "32 kB" in problem(answer)


async def test_generated(shop: Shop) -> None:
    """T18: whatever is asked of the two doors, the answer is never a 500, and honest questions go on being answered."""
    dice, message, statuses = random.Random(18), await shop.put("u"), set[int]()
    values: list[Any] = [None, True, 1e308, -1, "", "x", "\0", "\ud800", "𝕏" * 50, [], [message], {"a": [1]}, message]
    for _ in range(300):
        path = "".join(
            dice.choice(["u", "/", "%2F", "%00", "%ff", "..", "?", "read", "%F0%9F%98%80"]) for _ in range(5)
        )
        ids = [dice.choice(values) for _ in range(dice.randrange(4))]
        body = json.dumps({dice.choice(["ids", "id", "writeKey"]): dice.choice([ids, *values])}).encode()
        content = body[: dice.choice([len(body), dice.randrange(len(body) + 1)])]
        answer = await shop.http.request(dice.choice(["GET", "POST"]), f"/v1/inbox/{path}", content=content)
        statuses.add(answer.status_code)
    # 401: two dots lead to the person's own door, which opens to tokens alone.
    assert {200, 400, 404} <= statuses <= {200, 307, 400, 401, 404, 405}
    assert [each["id"] for each in await shop.inbox("u")] == [message]


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql+asyncpg://postgres@/x?host=/nowhere"])
async def test_503(url: str, shop: Shop) -> None:
    """While the database cannot be reached both doors say so, and when to come back."""
    away = Database(url)
    front = FrontDoor(shop.door.acceptor, away, frozenset({"wk"}))
    transport = httpx.ASGITransport(front.app(*routes_of(front, shop.door.acceptor, away)))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example.com", auth=("wk", "")) as http:
        for answer in (await http.get("/v1/inbox/u"), await http.post("/v1/inbox/u/read", json={"ids": ["x"]})):
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            problem(answer)
    await away.close()
