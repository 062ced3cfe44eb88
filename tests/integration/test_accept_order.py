"""What is accepted of a call when something before it could not be: nothing, until that has been sent again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from ingestion.accept import GROUP
from tests.door import Door, opened_door, said


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


@contextmanager
def failing(when: Callable[[str], bool], error: Exception) -> Iterator[None]:
    """Storing events whose values answer to `when` fails."""

    def fail(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO events") and when(str(parameters)):
            raise error

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


async def names(door: Door) -> list[str]:
    return [row.name for row in sorted(await door.stored(), key=lambda row: row.seq)]


async def test_a_group_that_the_database_did_not_take(door: Door) -> None:
    """Where the database would take a later group of one call and has not taken an earlier one, nothing of the call's rest is
    stored before what its client has to send again; another call's events are.

    Killed by: leaving out Call.error in Acceptor._take.
    """
    call = [said("u", f"Step {number}") for number in range(GROUP + 1)]
    turns = itertools.count()
    with failing(lambda _: next(turns) == 0, OSError("away")):
        answers = await asyncio.gather(door.take(*call), door.take(said("u", "Other")), return_exceptions=True)
    assert isinstance(answers[0], OSError)
    assert answers[1] == [True]
    assert await names(door) == ["Other"]
    await door.take(*call)
    assert await names(door) == ["Other", *(message.name for message in call)]


async def test_a_lock_that_cannot_be_had(door: Door) -> None:
    """Where each event of a group is tried alone and the database fails for one, those behind it in its call wait for it, and
    those of other calls do not; an event that nothing can store keeps nobody waiting.

    Killed by: trying every message in Acceptor._take though its call has failed, or noting any error in Waiting.settle.
    """
    locked = DBAPIError("INSERT", {}, Exception("lock timeout"))
    call = [said("u", "First"), said("u", "Locked", note="poison"), said("u", "Last")]
    with failing(lambda values: "poison" in values, locked):
        answers = await asyncio.gather(door.take(*call), door.take(said("u", "Other")), return_exceptions=True)
    assert isinstance(answers[0], DBAPIError)
    assert await names(door) == ["First", "Other"]
    await door.take(*call)
    assert (await names(door))[2:] == ["Locked", "Last"]
    with failing(lambda values: "poison" in values, RuntimeError("bug")), pytest.raises(RuntimeError, match="bug"):
        await door.take(said("v", "Bad", note="poison"), said("v", "Good"))
    assert (await names(door))[4:] == ["Good"]
