"""More than can be stored: what is refused, what becomes of what is not, and how a real client fares."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import segment.analytics as analytics
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncConnection

from errors import TooBusy
from ingestion.load import Load
from storage.database import Database
from tests.door import Door, opened_door
from tests.fronts import Front, fronting, track
from tests.servers import wait_until

MOST = 100
COMMIT = 0.05


class Slow(Database):
    """Each of its transactions takes a while; or, if it is held, until it is let go."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.let = asyncio.Event()
        self.let.set()
        self.seconds = 0.0
        self.waits: Callable[[], int] = lambda: 0
        self.waited: list[int] = []
        """How many events waited at the end of each transaction."""

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with super().write() as connection:
            yield connection
            await self.let.wait()
            if self.seconds:
                await asyncio.to_thread(time.sleep, self.seconds)
            self.waited.append(self.waits())


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    database = Slow(f"sqlite:///{tmp_path / 'journeyman.db'}")
    async with opened_door(database) as door:
        database.waits = lambda: len(door.acceptor._waiting)
        yield door


@pytest.fixture
async def front(door: Door, tmp_path: Path) -> AsyncIterator[Front]:
    async with fronting(door, tmp_path, waiting_events=MOST, waiting_mb=1) as front:
        yield front


def database_of(front: Front) -> Slow:
    assert isinstance(front.door.database, Slow)
    return front.door.database


def batch(first: int, count: int, **more: Any) -> dict[str, Any]:
    """Messages from that number on."""
    return {"batch": [track(number, **more) for number in range(first, first + count)]}


async def test_refused_before_anything_is_at_risk(front: Front) -> None:
    """While a commit takes long, no more events are held than may wait; the others hear 429 and when to come again. What was
    answered with 200 is stored, what was answered with 429 is not, and afterwards everything is taken.

    Killed by: leaving of_events out of Intake, giving nothing back at its end, or answering 503.
    """
    database = database_of(front)
    database.let.clear()
    asked = [asyncio.create_task(front.post("track", track(number))) for number in range(3 * MOST)]
    await wait_until(lambda: sum(each.done() for each in asked) >= 2 * MOST, 30)
    refused = [each.result() for each in asked if each.done()]
    assert {answer.status_code for answer in refused} == {429}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert {answer.json()["reason"] for answer in refused} == {"busy"}
    assert len(front.door.acceptor._waiting) <= MOST
    database.let.set()
    answers = await asyncio.gather(*asked)
    taken = {f"m-{number}" for number, answer in enumerate(answers) if answer.status_code == 200}
    assert len(taken) == MOST
    assert set(await front.stored()) == taken
    assert (await front.post("track", track("after"))).status_code == 200


async def test_bytes(front: Front) -> None:
    """Large bodies are refused by their bytes, long before there are too many of them; gzipped, by what they unpack to.

    Killed by: leaving of_body out of Intake, or counting the packed bytes.
    """
    database = database_of(front)
    database.let.clear()
    large = [gzip.compress(json.dumps(batch(n, 1, properties={"x": "a" * 60_000})).encode()) for n in range(40)]
    asked = [asyncio.create_task(front.post("batch", each)) for each in large]
    await wait_until(lambda: sum(each.done() for each in asked) >= 40 - 17, 30)
    database.let.set()
    statuses = Counter([(await each).status_code for each in asked])
    assert statuses == {200: 17, 429: 23}
    assert len(await front.stored()) == 17


async def test_one_large_batch(front: Front) -> None:
    """A batch of more events than may wait is taken where nothing else waits: no legal request is refused for ever.

    Killed by: refusing in Load whatever is larger than the limit.
    """
    assert (await front.post("batch", batch(0, 3 * MOST))).status_code == 200
    assert len(await front.stored()) == 3 * MOST


async def test_how_long_it_takes(front: Front) -> None:
    """However much is offered, no more waits at any commit than may wait, so nobody who is accepted waits for more than two
    commits; everything answered with 200 is there.

    Killed by: raising what may wait.
    """
    database = database_of(front)
    database.seconds = COMMIT
    bodies = [batch(20 * number, 20) for number in range(200)]
    statuses = Counter(
        [answer.status_code for answer in await asyncio.gather(*map(partial(front.post, "batch"), bodies))]
    )
    assert set(statuses) == {200, 429}
    assert len(await front.stored()) == 20 * statuses[200]
    assert MOST / 2 < max(database.waited) <= MOST


async def test_the_real_client(front: Front) -> None:
    """Segment's own client sends again what was refused with 429, in its own time, until everything is there.

    Killed by: leaving Retry-After out of the answer's headers together with another status, such as 400.
    """
    database = database_of(front)
    failures: list[Any] = []
    clients = [
        analytics.Client(
            "wk",
            host=str(front.http.base_url),
            on_error=lambda *failure: failures.append(failure),
            upload_size=60,
        )
        for _ in range(3)
    ]
    before = refusals()
    database.let.clear()
    blocker = asyncio.create_task(front.post("batch", batch(0, MOST)))
    await wait_until(lambda: bool(front.door.acceptor._waiting))
    for number, client in enumerate(clients):
        for each in range(60):
            client.track(f"u-{number}", "File Downloaded", {"file_name": f"{each}.pdf"})
    flushed = [asyncio.create_task(asyncio.to_thread(client.flush)) for client in clients]
    await wait_until(lambda: refusals() >= before + len(clients), 20)
    database.let.set()
    await asyncio.gather(blocker, *flushed)
    for client in clients:
        await asyncio.to_thread(client.join)
    assert failures == []
    assert len(await front.stored()) == MOST + 3 * 60


def refusals() -> float:
    """How often a door of this process has said that it is too busy."""
    return REGISTRY.get_sample_value("journeyman_refused_total", {"reason": "busy"}) or 0


def test_load() -> None:
    """What was refused or has failed is not counted any more.

    Killed by: counting before the look, or giving back only where nothing was raised.
    """
    load = Load(10, 100)
    with suppress(ZeroDivisionError), load.of_body(90), load.of_events(9):
        with pytest.raises(TooBusy), load.of_body(11):
            pass
        with pytest.raises(TooBusy), load.of_events(2):
            pass
        assert (load.bytes, load.events) == (90, 9)
        raise ZeroDivisionError
    assert (load.bytes, load.events) == (0, 0)
