"""The real, unmodified tracking client of Segment, pointed at our front door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import segment.analytics as analytics
from sqlalchemy import select

from stack import TemporalServer
from storage.people import read_person
from storage.tables import events
from tests.door import somebody
from tests.integration.test_front_door import Visitor, visiting
from tests.servers import wait_until

pytestmark = pytest.mark.server
COUNT = 120


@pytest.fixture
async def visitor(temporal: TemporalServer, tmp_path: Path) -> AsyncIterator[Visitor]:
    async with visiting(f"sqlite:///{tmp_path / 'journeyman.db'}", temporal, tmp_path) as visitor:
        yield visitor


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_the_real_client(visitor: Visitor, packed: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Everything that segment-analytics-python sends in its batches, gzipped or not, arrives once and in order."""
    user, failures = somebody(), list[Any]()
    client = analytics.Client(
        "wk",
        host=f"http://127.0.0.1:{visitor.stage.settings.port}",
        gzip=packed,
        on_error=lambda *failure: failures.append(failure),
        upload_size=50,
        max_retries=1,
    )
    happened = datetime.now(UTC) - timedelta(hours=3)
    with caplog.at_level(logging.WARNING, logger="segment"):
        client.identify(user, {"email": "ada@example.com", "firstName": "Ada"})
        client.page(user, "Docs", "Start", {"path": "/start"})
        client.screen(user, "App", "Home")
        for number in range(COUNT):
            client.track(user, "File Downloaded", {"file_name": f"{number}.pdf"}, timestamp=happened)
        await asyncio.to_thread(client.flush)
        await asyncio.to_thread(client.join)
    assert failures == []
    assert not caplog.records
    assert len(await visitor.stored()) == COUNT + 3
    async with visitor.stage.database.read() as connection:
        rows = (await connection.execute(select(events).order_by(events.c.seq))).all()
        person = await read_person(connection, user)
    assert [row.name for row in rows[:3]] == ["Identified", "Page Viewed", "Screen Viewed"]
    assert [row.properties["file_name"] for row in rows[3:]] == [f"{number}.pdf" for number in range(COUNT)]
    assert rows[1].properties["path"] == "/start"
    assert all(abs(row.occurred_at - happened) < timedelta(seconds=30) for row in rows[3:])
    assert person is not None
    assert person.email == "ada@example.com"
    await wait_until(visitor.stage.relay.idle, 20)


async def test_a_wrong_write_key_is_told(visitor: Visitor) -> None:
    """The client learns that its write key is wrong, and does not try for ever."""
    failures: list[Any] = []
    client = analytics.Client(
        "wrong",
        host=f"http://127.0.0.1:{visitor.stage.settings.port}",
        on_error=lambda error, items: failures.append((error, items)),
        max_retries=1,
    )
    client.track("u-1", "Signed Up")
    await asyncio.to_thread(client.flush)
    await asyncio.to_thread(client.join)
    ((error, items),) = failures
    assert error.status == 401
    assert len(items) == 1
    assert await visitor.stored() == []
