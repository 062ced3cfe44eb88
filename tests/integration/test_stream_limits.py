"""What open pages cost: few looks, little memory, and nothing that a server which stops would wait for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

import httpx
import pytest

from ingestion.connection import Connection
from ingestion.streams import HOLDS, PER_PERSON
from tests.inboxes import CARD
from tests.servers import wait_until
from tests.site import SHOP, Gated, Site, opened_site

LARGE = 600_000


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    async with opened_site(database_url) as site:
        yield site


async def test_one_look_for_all(database_url: str) -> None:
    """However many pages are open, the database is looked at twice a second, and for none not at all.

    Killed by: a look for each stream; LOOK = 0.1; leaving out `self._somebody.clear()`.
    """
    database = Gated(database_url)
    async with opened_site(database) as site, AsyncExitStack() as stack:
        tokens = [await site.token(f"u-{number}") for number in range(20)]
        for token in tokens:
            await stack.enter_async_context(site.tab(token))
        before, begun = database.reads, asyncio.get_running_loop().time()
        await wait_until(lambda: database.reads >= before + 5)
        assert asyncio.get_running_loop().time() - begun > 1.8
        await stack.aclose()
        await wait_until(lambda: not len(site.streams))
        await wait_until(lambda: not site.streams._somebody.is_set())


async def test_as_many_as_bearable(database_url: str) -> None:
    """Beyond the limit, of all or of one person, a page is told to come back, in a way that other sites' pages can read; as
    soon as one has gone there is room.

    Killed by: leaving out either comparison in Streams.check; leaving out `close` in Stream.__call__.
    """
    async with opened_site(database_url, most=2) as site:
        token = await site.token("u")

        async def refused() -> httpx.Response | None:
            path = f"/v1/inbox/stream?token={token}"
            async with site.http.stream("GET", path, headers={"Origin": SHOP}) as answer:
                if answer.status_code == 200:
                    return None
                await answer.aread()
                return answer

        async with site.tab(token):
            async with site.tab(token):
                answer = await refused()
                assert answer is not None
                assert (answer.status_code, answer.json()["success"]) == (503, False)
                assert int(answer.headers["retry-after"]) > 0
                assert answer.headers["access-control-allow-origin"] == SHOP
                assert (await site.http.head(f"/v1/inbox/stream?token={token}")).status_code == 200
            await wait_until(lambda: len(site.streams) == 1)
            assert await refused() is None
        await wait_until(lambda: len(site.streams) == 0)
    async with opened_site(database_url, most=PER_PERSON + 5) as site, AsyncExitStack() as stack:
        for _ in range(PER_PERSON):
            await stack.enter_async_context(site.tab(token))
        assert (await site.http.get(f"/v1/inbox/stream?token={token}")).status_code == 503
        await stack.enter_async_context(site.tab(await site.token("v")))


async def test_the_server_stops(database_url: str) -> None:
    """When the server stops every stream ends in good order and at once, also with a reader who does not read; none begins.

    Killed by: leaving out `end` in Streams.__aexit__; leaving out Connection.shutdown.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        async with opened_site(database_url) as site:
            token = await site.token("u")
            tabs = [await stack.enter_async_context(site.tab(token)) for _ in range(5)]
            await stack.enter_async_context(deaf(site, await site.token("v")))
            await wait_until(lambda: "v" in site.streams._open)
            (stuck,) = site.streams._open["v"]
            await big(site, "v")
            reached = -1
            while not stuck._left or reached < stuck.place:  # until two looks bring it no further
                reached = stuck.place
                for _ in range(2):
                    fresh = await site.put("u")
                    await wait_until(partial(tabs[0].arrived.get, fresh))
            stopping = loop.time()
        assert loop.time() - stopping < 2.5
        await wait_until(lambda: all(tab.is_over for tab in tabs))


async def test_who_does_not_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not read is cut off, and until then little of what there is for them is held here: the rest stays in the
    database. Nobody else waits for them.

    Killed by: leaving out `abort` in Connection.pause_writing; taking whatever comes in Stream.take.
    """
    monkeypatch.setattr(Connection, "patience", 3.0)
    async with deaf(site, await site.token("u")), site.tab(await site.token("v")) as other:
        await wait_until(lambda: len(site.streams) == 2)
        (stuck,) = site.streams._open["u"]
        await big(site, "u")
        await wait_until(lambda: stuck._left)
        fresh, begun = await site.put("v"), asyncio.get_running_loop().time()
        await wait_until(lambda: fresh in other.ids)
        assert other.arrived[fresh] - begun < 1
        assert sum(map(len, stuck._left)) < LARGE + 1_000
        await wait_until(lambda: len(site.streams) == 1, 30)
        assert not other.is_over


async def test_behind(site: Site) -> None:
    """Who reads more slowly than messages come has all of them in the end, once and in order: the large ones as well.

    Killed by: leaving `_is_full` out of Stream.wants; leaving out `self._held > 0`, or the look at `wants` in Stream.take;
    never being less than full again.
    """
    small, half, large = (replace(CARD, body="x" * size) for size in (10, HOLDS // 2, HOLDS + 1))
    cards = [small, large, small, half, half, small, half, large, large, small]
    ids = [await site.put("u", card=card) for card in cards]
    async with site.tab(await site.token("u")) as tab:
        ids += [await site.put("u", card=card) for card in cards]
        await wait_until(lambda: len(tab.ids) >= len(ids), 20)
        assert tab.ids == ids


@asynccontextmanager
async def deaf(site: Site, token: str) -> AsyncIterator[socket.socket]:
    """A browser that asks for the stream and reads nothing of it."""
    loop = asyncio.get_running_loop()
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)
        await loop.sock_connect(one, (site.http.base_url.host, site.http.base_url.port or 80))
        await loop.sock_sendall(one, f"GET /v1/inbox/stream?token={token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        yield one


async def big(site: Site, user: str) -> None:
    """Put more than all sockets between two programs hold."""
    card = replace(CARD, body="x" * LARGE)
    for _ in range(20):
        await site.put(user, card=card)
