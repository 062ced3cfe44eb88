"""What becomes of messages when their events cannot be stored: the one at fault is put aside, anything else is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from structlog.testing import capture_logs

from ingestion.brokers.acceptance import Acceptance
from ingestion.brokers.record import Record
from tests.door import Door
from tests.publishing import seen, viewed, written
from tests.servers import wait_until


@contextmanager
def failing(when: Callable[[str], bool]) -> Iterator[None]:
    """Storing events whose values answer to `when` fails as a mistake in our own code would."""

    def fail(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO events") and when(str(parameters)):
            raise RuntimeError("ada@example.com")

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


def records(*numbers: int) -> list[Record]:
    return [Record(written(viewed("u-1", number)), f"r-{number}", None) for number in numbers]


async def test_one_at_fault(door: Door) -> None:
    """An event that nothing can store, alone or among others, becomes a dead letter after some attempts; the others are stored
    in order, and the reason tells nothing of anybody.

    Killed by: never returning what _sorted_out has found.
    """
    take = Acceptance(door.acceptor, "a broker").take
    with failing(lambda values: "u-1-3" in values):
        letters = await asyncio.wait_for(take(records(1, 2, 3, 4)), 30)
        letters += await asyncio.wait_for(take(records(3)), 30)
    assert await seen(door) == {"u-1": [1, 2, 4]}
    assert [(letter.place, letter.body) for letter in letters] == [
        (2, written(viewed("u-1", 3))),
        (0, written(viewed("u-1", 3))),
    ]
    assert {letter.reason for letter in letters} == {
        "It could not be stored (RuntimeError); publish it again after a fix."
    }


async def test_none_at_fault(door: Door) -> None:
    """Where no event can be stored it is nobody's fault: none becomes a dead letter, and all are stored once the mistake is gone.

    Killed by: returning the results of _sorted_out where all have failed, or not trying once more those that have.
    """
    with capture_logs() as lines:
        with failing(lambda _: True):
            taking = asyncio.create_task(Acceptance(door.acceptor, "a broker").take(records(1, 2, 3)))
            await wait_until(lambda: len(lines) >= 7, 30)
            assert not taking.done()
        assert await asyncio.wait_for(taking, 30) == []
    assert sorted((await seen(door))["u-1"]) == [1, 2, 3]
    assert {line["error"] for line in lines} == {"RuntimeError"}
