"""How events are taken: once for ever, in order, with all that follows from them, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from errors import EventConflict, EventError
from ingestion.incoming import LATENESS
from storage.database import UNREACHABLE
from storage.tables import anonymous, events, metadata, people
from tests.door import PEER, Door, opened_door, said
from tests.stage import BERLIN

DAY = timedelta(days=1)


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


@contextmanager
def breaking(words: str, error: Exception) -> Iterator[None]:
    """Every statement that begins with these words fails."""

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(words):
            raise error

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


async def test_once_for_ever(door: Door) -> None:
    """B1: the same message, delivered again alone, in one call or with others, is stored and routed once."""
    message = said("u", "Signed Up", id="m")
    assert await door.take(message) == [True]
    assert await door.take(message) == [False]
    assert await door.take(message, said("u", "File Downloaded"), message) == [False, True, False]
    twin = said("u", "Signed Up", id="twin")
    assert await door.take(twin, twin) == [True, False]
    assert len(await door.stored("Signed Up")) == 2
    assert {"m", "twin"} <= await door.routed()


async def test_another_body(door: Door) -> None:
    """T3: an id that is known with another body is refused alone, and the first body stays."""
    await door.take(said("u", "Order Completed", id="m", order_id="1"))
    answers = await door.take(said("u", "Order Completed", id="m", order_id="2"), said("u", "Signed Up", id="n"))
    assert isinstance(answers[0], EventConflict)
    assert answers[1] is True
    assert [row.properties["order_id"] for row in await door.stored("Order Completed")] == ["1"]


async def test_many_at_once_share_a_transaction(door: Door) -> None:
    """200 events that arrive at the same time take a handful of transactions, not 200."""
    answers = await asyncio.gather(*(door.take(said(f"u-{number}", "Signed Up")) for number in range(200)))
    assert answers == [[True]] * 200
    assert len(await door.rows(events)) == 200
    assert sum(door.acceptor.groups) == 200
    assert len(door.acceptor.groups) <= 5


async def test_order(door: Door) -> None:
    """One person's events keep the order in which they were handed over, whatever their clocks say."""
    ago = [5, 1, 9, 3, 7]
    await door.take(*(said("u", "File Downloaded", id=f"e-{hours}", ago=timedelta(hours=hours)) for hours in ago))
    await door.take(said("u", "Signed Up", id="last", ago=DAY))
    found = await door.stored()
    assert [row.event_id for row in found] == [*(f"e-{hours}" for hours in ago), "last"]
    assert [row.seq for row in found] == sorted(row.seq for row in found)
    (person,) = await door.rows(people)
    assert person.last_seen_at == max(row.occurred_at for row in found)


async def test_two_acceptors(door: Door, database_url: str) -> None:
    """T3, T13: two front doors that are handed the same ids at once, in any order, store each once and answer for each."""
    messages = [
        said(f"u-{number % 7}" if number % 3 else None, "Signed Up", id=f"m-{number}", nobody=f"a-{number}")
        for number in range(60)
    ]
    async with opened_door(database_url) as other:
        first, second = await asyncio.gather(
            asyncio.gather(*(door.take(message) for message in messages)),
            asyncio.gather(*(other.take(message) for message in reversed(messages))),
        )
    answers = [(one[0], two[0]) for one, two in zip(first, reversed(second), strict=True)]
    assert all(sorted(pair) == [False, True] for pair in answers), answers
    assert sorted(row.event_id for row in await door.rows(events)) == sorted(message.event_id for message in messages)


async def test_a_transaction_that_dies(door: Door) -> None:
    """C4: an acceptance that breaks after the event was written stores nothing of it, and the caller hears so."""
    message = said("u", "Product Added", product_id="p", price="5", traits={"email": "ada@example.com"})
    with breaking("INSERT INTO carts", OSError("the connection is gone")), pytest.raises(UNREACHABLE):
        await door.take(message)
    assert {table.name: len(await door.rows(table)) for table in metadata.sorted_tables} == {
        table.name: 0 for table in metadata.sorted_tables
    }
    assert await door.take(message) == [True]
    assert [row.name for row in await door.stored()] == ["Product Added", "Cart Updated"]


async def test_one_that_cannot_be_stored(door: Door) -> None:
    """B5: an event that no database takes is refused alone; those that shared its transaction are stored.

    Killed by: giving the error of the group to each of them in Acceptor._take.
    """
    good = [said("u", "Signed Up"), said("u", "File Downloaded")]
    bad = said("u", "Anything", ratio=object())
    answers = await asyncio.gather(door.take(good[0]), door.take(bad), door.take(good[1]), return_exceptions=True)
    assert answers[0] == answers[2] == [True]
    assert isinstance(answers[1], Exception)
    if not door.database.is_sqlite:  # which keeps texts of any length
        (refusal,) = await door.take(said("u", "Anything", id="x" * 400))
        assert isinstance(refusal, EventError)
    assert sorted(row.name for row in await door.stored()) == ["File Downloaded", "Signed Up"]


async def test_the_address_is_stored_nowhere(door: Door) -> None:
    """The person's address is used to find the place; no table holds it, nor that of the connection."""
    context = {"ip": BERLIN, "page": {"referrer": f"https://shop.example.com/?ip={BERLIN}"}}
    await door.take(said("u", "Product Added", product_id="p", price="5", context=context, nobody="a"))
    (source, _) = await door.stored()
    assert source.context["location"]["zone"] == "Europe/Berlin"
    everything = await door.everything()
    assert BERLIN not in everything
    assert PEER not in everything


async def test_ids_that_tell(door: Door) -> None:
    """H6: a user id and a cart id that are an address are stored as keyed hashes, and mean the same person and cart again."""
    for _ in range(2):
        await door.take(said("Ada@example.com", "Product Added", cart_id="ada@example.com", product_id="p", price="5"))
    assert len(await door.rows(people)) == 1
    found = await door.stored("Cart Updated")
    assert {row.properties["cart_id"] for row in found} == {(await door.rows(people))[0].user_id}
    everything = await door.everything()
    assert "example.com" not in everything


async def test_an_anonymous_person_is_named(door: Door) -> None:
    """What an anonymous person did counts, in order, for who they turn out to be; what is too old is kept and not routed."""
    await door.take(said(None, "Product Added", id="old", nobody="a", ago=LATENESS + DAY, product_id="p", price="3"))
    await door.take(said(None, "Product Added", id="add", nobody="a", ago=DAY, product_id="q", price="5"))
    await door.take(said(None, "Signed Up", id="up", nobody="b"))
    assert await door.rows(people) == []
    assert await door.routed() == set()
    await door.take(said("u", "Identified", id="who", nobody="a"))
    assert [(row.event_id, row.user_id) for row in await door.stored()] == [
        ("old", "u"),
        ("add", "u"),
        ("up", None),
        ("old:cart", "u"),
        ("add:cart", "u"),
        ("who", "u"),
    ]
    assert await door.routed() == {"add", "add:cart", "who"}
    await door.take(said(None, "File Downloaded", id="later", nobody="a"))
    assert (await door.stored("File Downloaded"))[0].user_id == "u"


async def test_named_in_the_same_transaction(door: Door) -> None:
    """Anonymous events and the call that names their person may come in one batch: none of them stays without one."""
    await door.take(
        said(None, "Product Added", id="add", nobody="a", product_id="p", price="5"),
        said("u", "Identified", id="who", nobody="a"),
        said(None, "Signed Up", id="up", nobody="a"),
        said(None, "Signed Up", id="other", nobody="b"),
    )
    found = {row.event_id: row.user_id for row in await door.stored()}
    assert found == {"add": "u", "add:cart": "u", "who": "u", "up": "u", "other": None}
    assert await door.routed() == {"add", "add:cart", "who", "up"}


async def test_two_people_on_one_device(door: Door) -> None:
    """An anonymous id belongs to whoever was named first; a second person on the device gets only their own events."""
    await door.take(said("u-1", "Identified", nobody="a"), said("u-2", "Identified", nobody="a"))
    await door.take(said(None, "Signed Up", nobody="a"), said("u-2", "File Downloaded", nobody="a"))
    assert [(row.anonymous_id, row.user_id) for row in await door.rows(anonymous)] == [("a", "u-1")]
    assert [row.user_id for row in await door.stored("Signed Up", "File Downloaded")] == ["u-1", "u-2"]


async def test_a_date_of_the_profile(door: Door) -> None:
    """D5, D6: a date that is set, moved or removed is an event, of the traits that the settings allow; other words are no date."""
    for date in ("2027-01-01", "2027-01-01", "2027-02-02", None, "when Ada says so"):
        await door.take(said("u", "Identified", traits={"renews_at": date, "birthday": date}))
    found = await door.stored("Date Changed")
    assert [(row.properties["trait"], row.properties["date"]) for row in found] == [
        ("renews_at", "2027-01-01"),
        ("renews_at", "2027-02-02"),
        ("renews_at", None),
        ("renews_at", None),
    ]


async def test_another_zone(door: Door) -> None:
    """D4: a profile's new time zone is an event that names it; the first zone that is known is none."""
    await door.take(said("u", "Identified", traits={"timezone": "Europe/Berlin"}))
    assert await door.stored("Zone Changed") == []
    await door.take(said("u", "Identified", id="moved", traits={"timezone": "Asia/Tokyo"}))
    (changed,) = await door.stored("Zone Changed")
    assert changed.event_id == "moved:zone"
    assert changed.context["location"]["zone"] == "Asia/Tokyo"
    assert "moved:zone" in await door.routed()
