"""What people say about the messages they want, as events: the last word counts, from its commit on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from errors import EventError
from ingestion.segment import Call, messages
from storage.consents import Consents, consents_of
from tests.door import Door, opened_door, said

GONE = "Unsubscribed"
BACK = "Subscribed"


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


async def known(door: Door, user: str = "u") -> Consents:
    async with door.database.read() as connection:
        return await consents_of(connection, user)


@pytest.mark.parametrize(
    ("properties", "pair"),
    [
        ({}, ("*", "*")),
        ({"channel": "email"}, ("email", "*")),
        ({"topic": "carts"}, ("*", "carts")),
        ({"channel": "push", "topic": "carts", "list_name": "Carts"}, ("push", "carts")),
    ],
)
async def test_either_word(door: Door, properties: dict[str, Any], pair: tuple[str, str]) -> None:
    """Any backend tells it by an event; a channel or topic that it does not name is every one."""
    await door.take(said("u", GONE, **properties))
    assert await known(door) == Consents(refused=frozenset([pair]))
    await door.take(said("u", BACK, **properties))
    assert await known(door) == Consents(given=frozenset([pair]))
    assert await known(door, "somebody-else") == Consents()


async def test_the_last_word(door: Door) -> None:
    """Of many words in one transaction the last one counts, in the order of acceptance and not by when they were said."""
    late = said("u", GONE, topic="carts")
    words = [said("u", BACK if n % 2 else GONE, topic="carts") for n in range(9)]
    await asyncio.gather(*(door.take(word) for word in [*words, late]))
    assert (await known(door)).refuses("email", "carts")
    await door.take(said("u", BACK, topic="carts"))
    assert not (await known(door)).refuses("email", "carts")


async def test_told_again(door: Door) -> None:
    """B1: an old word that is delivered once more changes nothing."""
    first = said("u", GONE, id="m", topic="carts")
    await door.take(first)
    await door.take(said("u", BACK, topic="carts"))
    assert await door.take(first) == [False]
    assert not (await known(door)).refuses("email", "carts")


async def test_before_it_was_known_who(door: Door) -> None:
    """What somebody said before we knew them counts once we do; but no old consent against a refusal made by name."""
    await door.take(said(None, GONE, nobody="a", topic="carts"), said(None, BACK, nobody="a", topic="news"))
    await door.take(said("u", GONE, topic="news"))
    assert await known(door) == Consents(refused=frozenset([("*", "news")]))
    await door.take(said("u", "Signed Up", nobody="a"))
    assert await known(door) == Consents(refused=frozenset([("*", "news"), ("*", "carts")]))


async def test_in_the_same_breath(door: Door) -> None:
    """The same where all of it arrives in one batch."""
    await door.take(
        said("u", GONE, topic="news"),
        said(None, BACK, nobody="a", topic="news"),
        said(None, BACK, nobody="a", topic="tips"),
        said(None, GONE, nobody="a", topic="carts"),
        said("u", "Signed Up", nobody="a"),
    )
    refused = frozenset([("*", "news"), ("*", "carts")])
    assert await known(door) == Consents(given=frozenset([("*", "tips")]), refused=refused)


async def test_many_words_at_once(door: Door) -> None:
    """Words of many people that arrive at once from several clients are each kept; each person's last one counts."""
    random, last = Random(5), dict[str, bool]()  # the seed

    async def client(user: str) -> None:
        for _ in range(10):
            last[user] = random.random() < 0.5
            await door.take(said(user, BACK if last[user] else GONE, topic="carts"))

    await asyncio.gather(*(client(f"u-{number}") for number in range(20)))
    for user, given in last.items():
        assert (await known(door, user)).refuses("email", "carts") is not given


@pytest.mark.parametrize(
    ("properties", "field"),
    [({"channel": "letter"}, "channel"), ({"topic": "Weekly News"}, "topic"), ({"topic": 3}, "topic")],
)
def test_a_word_that_says_nothing(properties: dict[str, Any], field: str) -> None:
    """A channel that is none, or a topic that no template can have, is refused with the field's name, not taken as all."""
    call = Call("track", datetime.now(UTC), None, {})
    (answer,) = messages({"userId": "u", "event": GONE, "properties": properties}, call)
    assert isinstance(answer, EventError)
    assert f"{GONE}: {field}" in str(answer)
