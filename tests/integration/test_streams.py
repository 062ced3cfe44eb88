"""In-app messages in an open page: all of them, once, within a second, for as long as the token says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import delete, update

from ingestion.inbox_json import MOST
from profiles.inbox_tokens import InboxPass
from storage.tables import outbox, people
from tests.inboxes import CARD
from tests.servers import wait_until
from tests.site import Gated, Site, Tab, opened_site

HOUR = timedelta(hours=1)


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    async with opened_site(database_url) as site:
        yield site


async def test_what_is_there_and_what_comes(site: Site) -> None:
    """A page is told first of what is there, oldest first, as `GET /v1/inbox` gives it, then of each new message within a
    second of its commit; of nothing that has expired, and of nobody else's.

    Killed by: LOOK = 3; leaving LIVING out of BEYOND; leaving user_id out of ON_SQLITE or ON_POSTGRESQL.
    """
    older = await site.put("u", expires_in=HOUR)
    await site.put("u", expires_in=-HOUR)
    await site.put("u", channel="push")
    newer, _ = await site.put("u"), await site.put("v")
    token, loop = await site.token("u"), asyncio.get_running_loop()
    async with site.tab(token) as tab:
        await wait_until(lambda: len(tab.ids) == 2)
        assert [message["id"] for message in tab.messages] == tab.ids == [older, newer]
        shown = (await site.http.get("/v1/inbox", headers={"Authorization": f"Bearer {token}"})).json()["messages"]
        assert tab.messages == shown[::-1]
        assert tab.retry > 0
        for _ in range(5):
            fresh = await site.put("u")
            await site.put("v")
            committed = loop.time()
            await wait_until(partial(tab.arrived.get, fresh))
            assert tab.arrived[fresh] - committed < 1
        assert len(tab.ids) == 7
        site.streams.life.check()


async def test_line_breaks(site: Site) -> None:
    """Whatever a message says, it is one event: no line of it can be taken for one of the protocol's.

    Killed by: writing the body as text in `sse`.
    """
    text = 'a\n\nid: 1\r\rdata: {}\n: \u2028 \x85 "é" 😀'
    await site.put("u", card=replace(CARD, title=text))
    async with site.tab(await site.token("u"), bearer=True) as tab:
        await wait_until(lambda: tab.messages)
        assert [message["title"] for message in tab.messages] == [text]


async def test_nothing_missed_and_nothing_twice(site: Site) -> None:
    """A page that is cut off again and again, while messages keep coming, has been told of each once, in order, when it is
    through: `Last-Event-ID` says where it was.

    Killed by: ignoring Last-Event-ID; not finding the place of a message that has expired.
    """
    dice, wanted, heard = random.Random(3), list[str](), list[str]()
    token = await site.token("u")

    async def write() -> None:
        for _ in range(MOST + 150):
            wanted.append(await site.put("u"))

    first = await site.put("u")
    async with site.tab(token) as tab:
        await wait_until(lambda: tab.ids)
        heard += tab.ids
    assert heard == [first]
    async with site.database.write() as connection:
        await connection.execute(update(outbox).values(expires_at=datetime.now(UTC) - HOUR))
    writing = asyncio.create_task(write())
    await wait_until(lambda: len(wanted) > MOST + 20)

    def through(tab: Tab, some: int) -> bool:
        """Whether this tab has had enough, or all there is."""
        return len(tab.ids) >= some or (writing.done() and [*heard, *tab.ids][-1] == wanted[-1])

    while not (writing.done() and heard[-1] == wanted[-1]):
        async with site.tab(token, last=heard[-1]) as tab:
            await wait_until(partial(through, tab, dice.randrange(1, 40)))
            heard += tab.ids
    await writing
    assert heard == [first, *wanted]


async def test_the_newest_hundred(site: Site) -> None:
    """A page without `Last-Event-ID`, or with one that is not this person's, is told of the newest hundred.

    Killed by: `offset(most - 1)` in BEFORE; leaving user_id out of PLACE.
    """
    ids = [await site.put("u") for _ in range(MOST + 3)]
    strange = await site.put("v")
    token = await site.token("u")
    for last in (None, strange, "x", "x" * 300):
        async with site.tab(token, last=last) as tab:
            await wait_until(partial(heard, tab, MOST))
            assert tab.ids == ids[3:]


async def test_two_tabs(site: Site) -> None:
    """Several pages of one person, opened at any moment, are each told of everything, once.

    Killed by: leaving the place out of Stream.wants.
    """
    token, ids = await site.token("u"), [await site.put("u")]
    async with AsyncExitStack() as stack:
        tabs = []
        for _ in range(6):
            tabs.append(await stack.enter_async_context(site.tab(token)))
            ids += await asyncio.gather(*(site.put("u") for _ in range(3)))
        await wait_until(lambda: all(len(tab.ids) == len(ids) for tab in tabs))
        assert {tuple(sorted(tab.ids)) for tab in tabs} == {tuple(sorted(ids))}
        assert len({tuple(tab.ids) for tab in tabs}) == 1


async def test_opened_during_a_look(database_url: str) -> None:
    """A page that is opened while everybody's messages are being looked for misses none of those that came before.

    Killed by: giving what a look found to streams opened during it; `max` in place of `min` in Streams._look.
    """
    database = Gated(database_url)
    async with opened_site(database) as site:
        token, ids = await site.token("u"), [await site.put("u")]
        async with site.tab(token) as ahead:
            await wait_until(lambda: ahead.ids == ids)
            database.gate.clear()
            await wait_until(lambda: database.waiting)  # a look that has been told who is there, and not yet begun
            ids += [await site.put("u"), await site.put("u")]
            # It knows only the first, as a browser does that was cut off before.
            behind = site.streams.open(InboxPass("u", datetime.now(UTC) + HOUR, None), place=0)
            database.gate.set()
            await wait_until(lambda: ahead.ids == ids)
            await wait_until(lambda: len(behind._left) == 3)
            site.streams.close(behind)


async def test_expired(site: Site) -> None:
    """A stream ends, and says why, when its token has expired, however much there is to say; the token opens no other.

    Killed by: waiting for the heartbeat alone in Stream._events; leaving out the look at `rest`.
    """
    token = await site.token("u", timedelta(seconds=1.5))
    async with site.tab(token) as tab:
        await wait_until(lambda: tab.is_over, 5)
        assert tab.events == ["expired"]
    answer = await site.http.get(f"/v1/inbox/stream?token={token}")
    assert answer.status_code == 401


async def test_heartbeat(database_url: str) -> None:
    """A stream that has nothing to say says that it is there.

    Killed by: leaving out the comment in Stream._events.
    """
    async with opened_site(database_url, heartbeat=0.1) as site, site.tab(await site.token("u")) as tab:
        await wait_until(lambda: tab.heartbeats >= 3)
        assert not tab.messages
        assert not tab.events


async def test_erased(database_url: str) -> None:
    """The streams of a person who was erased end, and the token opens no other; nobody else's end.

    Killed by: leaving out `_end_of_the_erased`; leaving out `opens` in OwnInbox._pass.
    """
    async with opened_site(database_url, heartbeat=0.2) as site:
        await site.put("u")
        await site.put("v")
        token = await site.token("u")
        async with site.tab(token) as gone, site.tab(await site.token("v")) as stays:
            await wait_until(lambda: gone.ids and stays.ids)
            async with site.database.write() as connection:
                await connection.execute(delete(people).where(people.c.user_id == "u"))
            await wait_until(lambda: gone.is_over)
            assert not stays.is_over
        assert (await site.http.get(f"/v1/inbox/stream?token={token}")).status_code == 401


def heard(tab: Tab, count: int) -> bool:
    """Whether it was told of so many."""
    return len(tab.ids) >= count
