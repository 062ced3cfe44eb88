"""The link in a message: looking at it changes nothing, one click ends its topic, and nobody can make one up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from profiles.unsubscribe_links import UnsubscribeLinks
from storage.consents import Consents
from tests.conftest import StartPostgreSQL
from tests.door import Door, opened_door, said
from tests.visiting import Links, links_of

LEFT = Consents(refused=frozenset([("email", "carts")]))
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BROKEN = {
    True: (
        "CREATE TRIGGER broken BEFORE INSERT ON consents BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER broken",
    ),
    False: (
        "ALTER TABLE consents ADD CONSTRAINT broken CHECK (user_id = '') NOT VALID",
        "ALTER TABLE consents DROP CONSTRAINT broken",
    ),
}
"""How SQLite, or else PostgreSQL, is made to refuse every word, and to take them again."""


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


@pytest.fixture
async def links(door: Door) -> AsyncIterator[Links]:
    async with links_of(door.database, door.acceptor) as links:
        yield links


async def test_looking_changes_nothing(door: Door, links: Links) -> None:
    """H2: a scanner, a preview or a person who opens the link, or the page of choices behind it, changes nothing by that."""
    before = await door.everything()
    for path in (links.to_leave("u"), links.to_choose("u")):
        for ask in (path, f"{path}?List-Unsubscribe=One-Click", f"{path}?do=nothing"):
            for method in ("GET", "HEAD"):
                answer = await links.http.request(method, ask, headers={"User-Agent": "Some Link Scanner"})
                assert answer.status_code == 200
        for method in ("PUT", "DELETE", "PATCH"):
            assert (await links.http.request(method, path, data=ONE_CLICK)).status_code == 405
    assert await door.everything() == before


@pytest.mark.parametrize(
    "body",
    [{"data": ONE_CLICK}, {"files": {"List-Unsubscribe": (None, "One-Click")}}, {"content": b""}, {"data": {"x": "y"}}],
    ids=["urlencoded", "multipart", "empty", "something else"],
)
async def test_one_click(links: Links, body: dict[str, Any]) -> None:
    """H2: one POST ends the topic, however the mail program words it: without cookie, login or redirect, committed when answered.

    Killed by: leaving the topic on GET, answering with a redirect, or answering before accept has committed.
    """
    answer = await links.http.post(links.to_leave("u"), **body)
    assert (answer.status_code, await links.consents("u")) == (200, LEFT)
    assert "set-cookie" not in answer.headers
    assert "You are unsubscribed" in answer.text


async def test_again_and_again(door: Door, links: Links) -> None:
    """H2: a mail program that posts again hears the same, and what is stored is one event; after a return it is another."""
    for _ in range(3):
        assert (await links.http.post(links.to_leave("u"), data=ONE_CLICK)).status_code == 200
    (event,) = await door.stored("Unsubscribed")
    assert event.properties == {"channel": "email", "topic": "carts", "via": "unsubscribe"}
    await door.take(said("u", "Subscribed", channel="email", topic="carts"))
    await links.http.post(links.to_leave("u"))
    assert await links.consents("u") == LEFT
    assert len(await door.stored("Unsubscribed")) == 2


async def test_only_this_person_and_topic(links: Links) -> None:
    """H3: the link ends one topic on one channel of one person.

    Killed by: refusing the whole channel in unsubscribe_routes, or asking for the channel alone in Consents.refuses.
    """
    await links.http.post(links.to_leave("u"))
    consents = await links.consents("u")
    assert consents.refuses("email", "carts")
    for channel, topic in (("email", "onboarding"), ("push", "carts"), ("in_app", "carts")):
        assert not consents.refuses(channel, topic)
    assert await links.consents("v") == Consents()


async def test_forged(door: Door, links: Links) -> None:
    """T10: whatever is no link of ours, to the last bit, is a page that says so, and nothing is changed."""
    before = await door.everything()
    path = links.to_leave("u")
    token = path.rsplit("/", 1)[1]
    foreign = UnsubscribeLinks("another secret", "").token("u", "email", "carts")
    forged = [token[:-1], token[1:], token + "A", token[:9] + ("A" if token[9] != "A" else "B") + token[10:], foreign]
    for bad in [*forged, "x", "%00", "%FF%FE", "ä", "A" * 5_000, "..", "eyJ1c2VyIjoidSJ9.c2lnbmF0dXJl"]:
        for page in ("unsubscribe", "preferences"):
            for method in ("GET", "POST"):
                answer = await links.http.request(method, f"/{page}/{bad}", headers={"Accept-Language": "de"})
                assert answer.status_code == 404, (method, bad)
                assert "Not Found" in answer.text if bad == ".." else "Dieser Link ist ungültig" in answer.text
    assert await door.everything() == before


async def test_headers(links: Links) -> None:
    """No page is kept by anybody, tells another site its address, loads anything, or can be shown inside another page."""
    pages = [links.to_leave("u"), links.to_choose("u"), "/unsubscribe/forged"]
    for answer in [await links.http.get(page) for page in pages] + [await links.http.post(pages[0])]:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        for rule in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "style-src 'sha256-"):
            assert rule in policy
        for loads in ("<script", "<img", "<link", "src=", "@import", "url(", "http:", "https:"):
            assert loads not in answer.text, loads
        assert "u" not in answer.headers.get("set-cookie", "")


async def test_language(door: Door, links: Links) -> None:
    """The page speaks the person's language, and where it does not know that, the browser's."""
    await door.take(said("u", "Signed Up", traits={"language": "de-AT"}))
    for user, browser, words in (
        ("u", "en", "Abmelden?"),
        ("v", "de, en;q=0.5", "Abmelden?"),
        ("v", "fr", "Unsubscribe?"),
    ):
        answer = await links.http.get(links.to_leave(user), headers={"Accept-Language": browser})
        assert words in answer.text
        assert f'lang="{answer.headers["content-language"]}"' in answer.text


async def test_other_channels(links: Links) -> None:
    """The page names what ends: emails, push notifications, hints in the shop; whatever else there is, as messages."""
    for channel, words in (
        ("push", "push notifications"),
        ("in_app", "in our shop"),
        ("webhook", "no more messages about"),
    ):
        assert words in (await links.http.get(links.to_leave("u", channel, "carts"))).text
        assert (await links.http.post(links.to_leave("u", channel, "carts"))).status_code == 200


async def test_bodies(door: Door, links: Links) -> None:
    """T18: a body that is too large, or that does not make sense, is refused by a page, and nothing is changed."""
    before = await door.everything()
    assert (await links.http.post(links.to_leave("u"), content=b"x" * 70_000)).status_code == 413
    assert (await links.http.post(links.to_choose("u"), content=b"do=save&lacked=" + b"x" * 70_000)).status_code == 413
    for body in (
        b"",
        b"=",
        b"do=save",
        b"do=save&wanted=email/carts",
        b"do=save&lacked=email/else",
        b"do=nothing&do=save",
    ):
        assert (await links.http.post(links.to_choose("u"), content=body)).status_code == 400
    for body in (
        b"\xff\xfe=1",
        b"do=s\xc3",
        b"&".join([b"lacked=email/carts"] * 2_000),
        b'{"do": "nothing"}',
        b"do=%ff",
    ):
        assert (await links.http.post(links.to_choose("u"), content=body)).status_code == 400
    answer = await links.http.post(links.to_choose("u"), data=ONE_CLICK)
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert await door.everything() == before


async def test_never_a_false_done(links: Links) -> None:
    """Where the word cannot be stored the page says so with 503, and not that it is done; later it works.

    Killed by: not waiting for accept, or taking an error that it returned for an answer.
    """
    broken, mended = BROKEN[links.database.is_sqlite]
    async with links.database.write() as connection:
        await connection.execute(text(broken))
    await _fails(links)
    async with links.database.write() as connection:
        await connection.execute(text(mended))
    assert (await links.http.post(links.to_leave("u"))).status_code == 200


async def _fails(links: Links) -> None:
    for path, form in ((links.to_leave("u"), {}), (links.to_choose("u"), {"do": "nothing", "lacked": "email/carts"})):
        answer = await links.http.post(path, data=form)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "Try again in a minute" in answer.text
        assert "Saved" not in answer.text
        assert "unsubscribed" not in answer.text
    assert await links.consents("u") == Consents()


async def test_the_database_is_away(postgresql: StartPostgreSQL) -> None:
    """C4: while the database is away each page says so with 503, in the browser's language; when it is back it works."""
    server = await postgresql()
    name = await server.create_database()
    admin = await asyncpg.connect(host=server.url("").partition("host=")[2], user="postgres", database="postgres")
    try:
        async with opened_door(server.url(name)) as door, links_of(door.database, door.acceptor) as links:
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            for method in ("GET", "POST"):
                for path in (links.to_leave("u"), links.to_choose("u")):
                    answer = await links.http.request(method, path, headers={"Accept-Language": "de"})
                    assert answer.status_code == 503
                    assert "Versuche es in einer Minute noch einmal" in answer.text
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            assert (await links.http.post(links.to_leave("u"))).status_code == 200
            assert await links.consents("u") == LEFT
    finally:
        await admin.close()
        await server.drop_database(name)


async def test_many_clicks_at_once(links: Links) -> None:
    """A click of many people at the same moment is committed for each of them when it is answered."""

    async def click(user: str) -> None:
        answer: httpx.Response = await links.http.post(links.to_leave(user), data=ONE_CLICK)
        assert (answer.status_code, await links.consents(user)) == (200, LEFT)

    await asyncio.gather(*(click(f"u-{number}") for number in range(50)))
