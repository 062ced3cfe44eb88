"""Two front doors on one PostgreSQL, whose transactions really overlap: nobody falls between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ingestion.incoming import Incoming
from storage.database import Database
from storage.tables import anonymous
from tests.door import Door, opened_door, said
from tests.servers import wait_until

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


class Held(Database):
    """A database whose transactions, once `holds` is set, are written and not committed before the test lets them."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.holds = False
        self.written = asyncio.Event()
        self.let = asyncio.Event()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with super().write() as connection:
            yield connection
            if self.holds:
                self.written.set()
                await self.let.wait()


@asynccontextmanager
async def interleaved(url: str, first: Incoming, second: Incoming) -> AsyncIterator[Door]:
    """One door takes `first` and does not commit before another, given `second`, has taken that or waits for it."""
    held = Held(url)
    async with opened_door(held) as one, opened_door(url) as other:
        held.holds = True
        taking = asyncio.create_task(one.take(first))
        await wait_until(held.written.is_set)
        following = asyncio.create_task(other.take(second))

        async def is_over_or_waits() -> bool:
            async with other.database.read() as connection:
                return following.done() or bool((await connection.execute(WAITING)).scalar())

        try:
            await wait_until(is_over_or_waits)
        finally:
            held.let.set()
        assert [*await asyncio.gather(taking, following)] == [[True], [True]]
        yield one


async def test_named_while_the_event_is_stored(postgresql_url: str) -> None:
    """An anonymous event that one door is storing while another names its person is that person's, and is routed."""
    event, name = said(None, "Signed Up", id="up", nobody="a"), said("u", "Identified", id="who", nobody="a")
    async with interleaved(postgresql_url, event, name) as door:
        assert {row.event_id: row.user_id for row in await door.stored()} == {"up": "u", "who": "u"}
        assert await door.routed() == {"up", "who"}


async def test_an_event_while_its_person_is_named(postgresql_url: str) -> None:
    """An anonymous event that reaches one door while another is naming its person is that person's, and is routed."""
    name, event = said("u", "Identified", id="who", nobody="a"), said(None, "Signed Up", id="up", nobody="a")
    async with interleaved(postgresql_url, name, event) as door:
        assert {row.event_id: row.user_id for row in await door.stored()} == {"up": "u", "who": "u"}
        assert await door.routed() == {"up", "who"}


async def test_two_names_at_once(postgresql_url: str) -> None:
    """An anonymous id that two doors give to two people at the same time belongs to the first, with all it did."""
    one, other = (said(user, "Identified", nobody="a") for user in ("u-1", "u-2"))
    async with interleaved(postgresql_url, one, other) as door:
        await door.take(said(None, "Signed Up", nobody="a"))
        assert [(row.anonymous_id, row.user_id) for row in await door.rows(anonymous)] == [("a", "u-1")]
        assert [row.user_id for row in await door.stored("Signed Up")] == ["u-1"]


async def test_other_ids_are_not_waited_for(postgresql_url: str) -> None:
    """A door that stores one device's event does not keep another from naming somebody else's."""
    event, name = said(None, "Signed Up", nobody="a"), said("u", "Identified", nobody="b")
    held = Held(postgresql_url)
    async with opened_door(held) as one, opened_door(postgresql_url) as other:
        held.holds = True
        taking = asyncio.create_task(one.take(event))
        try:
            await wait_until(held.written.is_set)
            assert await asyncio.wait_for(other.take(name), 4) == [True]
        finally:
            held.let.set()
        assert await taking == [True]


async def test_the_same_ids_in_another_order(postgresql_url: str) -> None:
    """Two doors that are given the same hundred devices in opposite orders, all at once, both answer: nothing is locked for ever."""
    devices = [f"a-{number}" for number in range(100)]
    async with opened_door(postgresql_url) as one, opened_door(postgresql_url) as other:
        for user in ("", "u"):
            messages = [said(user and f"u-{device}", "Signed Up", nobody=device) for device in devices]
            more = [said(user and f"u-{device}", "Signed Up", nobody=device) for device in reversed(devices)]
            answers = await asyncio.gather(one.take(*messages), other.take(*more))
            assert [*answers] == [[True] * 100, [True] * 100]
        assert all(row.user_id for row in await one.stored())
