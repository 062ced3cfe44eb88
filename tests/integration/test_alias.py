"""Who somebody was before: what an alias call joins, and what it leaves apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.incoming import Incoming
from ingestion.segment import Call, messages
from storage.tables import anonymous, people
from tests.door import Door, opened_door, said
from tests.integration.test_two_doors import interleaved


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


def alias(previous: str, user: str, **more: Any) -> Incoming:
    """An alias call, as the front door reads it."""
    body = {"messageId": f"{previous}-is-{user}", "previousId": previous, "userId": user, **more}
    (message,) = messages(body, Call("alias", datetime.now(UTC), None, {}))
    assert isinstance(message, Incoming)
    return message


async def whose(door: Door) -> dict[str, str | None]:
    """Whose each stored event is."""
    return {row.event_id: row.user_id for row in await door.stored() if row.name != "Alias"}


async def test_what_was_done_before(door: Door) -> None:
    """What somebody did under the previous id, and does under it later, is theirs, and is routed, in order; told again, the
    call changes nothing.

    Killed by: leaving previousId unread in ingestion.segment, or previous_id out of Incoming.nobodies.
    """
    await door.take(said(None, "Signed Up", id="e-1", nobody="a"), said(None, "File Downloaded", id="e-2", nobody="b"))
    for _ in range(2):
        await door.take(alias("a", "u", anonymousId="b"))
    await door.take(said(None, "File Downloaded", id="e-3", nobody="a"))
    assert await whose(door) == {"e-1": "u", "e-2": "u", "e-3": "u"}
    assert {"e-1", "e-2", "e-3"} <= await door.routed()
    assert {row.anonymous_id: row.user_id for row in await door.rows(anonymous)} == {"a": "u", "b": "u"}


async def test_two_people(door: Door) -> None:
    """An alias of somebody who is known by that id joins nobody: both stay who they are, with all they have done, and the
    call is kept as a fact.

    Killed by: moving the events of a person in claim_anonymous.
    """
    await door.take(said("u-1", "Order Completed", id="e-1", order_id="o", value="5", currency="EUR"))
    await door.take(said("u-2", "Signed Up", id="e-2"))
    await door.take(alias("u-1", "u-2"))
    await door.take(said("u-1", "File Downloaded", id="e-3"))
    assert await whose(door) == {"e-1": "u-1", "e-2": "u-2", "e-3": "u-1"}
    assert {row.user_id: row.orders for row in await door.rows(people)} == {"u-1": 1, "u-2": 0}
    (fact,) = await door.stored("Alias")
    assert (fact.user_id, fact.properties) == ("u-2", {"previousId": "u-1"})


async def test_the_first_stays(door: Door) -> None:
    """An anonymous id that belongs to somebody is not given to another by a later alias.

    Killed by: overwriting the owner in claim_anonymous.
    """
    await door.take(said("u-1", "Identified", nobody="a"), said(None, "Signed Up", id="e-1", nobody="a"))
    await door.take(alias("a", "u-2"))
    assert [row.user_id for row in await door.rows(anonymous)] == ["u-1"]
    await door.take(said(None, "File Downloaded", id="e-2", nobody="a"))
    found = await whose(door)
    assert (found["e-1"], found["e-2"]) == ("u-1", "u-1")


async def test_in_one_batch(door: Door) -> None:
    """What came in the same batch before the call is theirs, and so is what came after it.

    Killed by: leaving adopt_fresh out of Acceptor._merge.
    """
    await door.take(
        said(None, "Signed Up", id="e-1", nobody="a"), alias("a", "u"), said(None, "x", id="e-2", nobody="a")
    )
    assert await whose(door) == {"e-1": "u", "e-2": "u"}


async def test_at_two_doors(postgresql_url: str) -> None:
    """An event that one door stores while another is told whose it is belongs to them, whichever of the two was first.

    Killed by: leaving previous_id out of the ids that are locked in Acceptor.commit.
    """
    event, call = said(None, "Signed Up", id="e-1", nobody="a"), alias("a", "u", anonymousId="b")
    async with interleaved(postgresql_url, event, call) as door:
        assert (await whose(door), await door.routed()) == ({"e-1": "u"}, {"e-1"})
    later, call = said(None, "Signed Up", id="e-2", nobody="c"), alias("c", "v", anonymousId="d")
    async with interleaved(postgresql_url, call, later) as door:
        assert (await whose(door))["e-2"] == "v"


async def test_the_race(postgresql_url: str) -> None:
    """Many devices whose events and aliases reach two doors at the same time: every event ends with its person.

    Killed by: leaving lock_anonymous out of Acceptor.commit.
    """
    devices = range(60)
    async with opened_door(postgresql_url) as one, opened_door(postgresql_url) as other:
        events = [one.take(said(None, "Signed Up", id=f"e-{n}", nobody=f"a-{n}")) for n in devices]
        calls = [other.take(alias(f"a-{n}", f"u-{n}")) for n in devices]
        answers = await asyncio.gather(*events, *calls)
        assert answers == [[True]] * 120
        assert await whose(one) == {f"e-{n}": f"u-{n}" for n in devices}
