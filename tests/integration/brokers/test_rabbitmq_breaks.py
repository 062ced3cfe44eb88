"""Events from RabbitMQ while something breaks: none is lost, none is stored twice, and order is kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aio_pika
import pytest
from aio_pika.exceptions import AMQPError
from structlog.testing import capture_logs

from tests.door import Door, opened_door, somebody
from tests.publishing import count, holds, in_turn, seen, shopping, viewed, written
from tests.rabbitmq import Line
from tests.servers import PostgreSQL, wait_until
from tests.wire import Wire

USERS = [f"u-{number}" for number in range(20)]


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "crashed"])
async def test_the_broker_is_restarted(door: Door, line: Line, crash: bool) -> None:
    """A broker that is stopped or killed in the middle costs no message that it had confirmed, and order is kept.

    Killed by: letting an AMQPError end Consumer._run.
    """
    users = [somebody() for _ in range(5)]
    confirmed: list[int] = []

    async def publish() -> None:
        for first in range(0, 600, 10):
            while True:
                with suppress(AMQPError, OSError, RuntimeError):
                    # Some of these may be published twice, as any client does that has got no confirmation.
                    await line.publish(written(message) for _, message in shopping(users, 10, first=first))
                    break
                await asyncio.wait_for(line.server.up.wait(), 60)
            confirmed.append(first)

    async with line.consumer(door):
        publishing = asyncio.create_task(publish())
        await wait_until(lambda: len(confirmed) > 10, 60)
        await line.server.leave(crash=crash)
        before = await count(door)
        await line.server.start()
        await asyncio.wait_for(publishing, 120)
        await wait_until(lambda: holds(door, 600), 60)
    assert 0 < before < 600
    assert await seen(door) == in_turn(users, 600)


async def test_the_wire_is_cut(door: Door, line: Line, rabbitmq_wire: Wire) -> None:
    """Connections that break again and again, also while acknowledgements are on their way, lose and repeat nothing.

    Killed by: raising from Consumer._run where the broker is away.
    """
    await line.publish(written(message) for _, message in shopping(USERS, 1500))
    async with line.consumer(door, rabbitmq_wire.port):
        for _ in range(3):
            before = rabbitmq_wire.held
            rabbitmq_wire.holds_acknowledgements = True
            await wait_until(lambda before=before: rabbitmq_wire.held > before, 30)  # type: ignore[misc]
            await rabbitmq_wire.cut()
            rabbitmq_wire.holds_acknowledgements = False
            acknowledged = rabbitmq_wire.acknowledged
            await rabbitmq_wire.mend()
            await wait_until(lambda before=acknowledged: rabbitmq_wire.acknowledged > before, 30)  # type: ignore[misc]
        await wait_until(lambda: rabbitmq_wire.acknowledged >= 1500, 30)
    assert rabbitmq_wire.cuts >= 3
    assert await line.left() == 0
    assert await seen(door) == in_turn(USERS, 1500)


async def test_the_queue_is_deleted(door: Door, line: Line) -> None:
    """A queue that somebody deletes is made again, and consumed.

    Killed by: not listening to on_consumer_cancel_callbacks.
    """
    await line.publish([written(viewed("u-1", 1))])
    async with line.consumer(door):
        await wait_until(lambda: holds(door, 1))
        async with await aio_pika.connect(line.server.url) as connection:
            channel = await connection.channel()
            await channel.queue_delete(line.queue)
        await line.publish([written(viewed("u-1", 2))])
        await wait_until(lambda: holds(door, 2))
    assert await seen(door) == {"u-1": [1, 2]}


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "crashed"])
async def test_the_database_is_away(postgres: PostgreSQL, line: Line, crash: bool) -> None:
    """C4: while the database is away nothing is acknowledged; when it is back everything is stored once, and in order.

    Killed by: acknowledging before take() has returned.
    """
    async with opened_door(postgres.url(await postgres.create_database())) as door:
        async with line.consumer(door):
            await line.publish(written(message) for _, message in shopping(USERS, 300))
            await wait_until(lambda: count(door), 30)
            await postgres.leave(crash=crash)
            with capture_logs() as lines:
                await line.publish(written(message) for _, message in shopping(USERS, 300, first=300))
                await wait_until(lambda: any("not stored" in each["event"] for each in lines), 30)
        # Stopped while the database is away: what was not stored is in the queue.
        left = await line.left()
        await postgres.come_back()
        assert left + await count(door) >= 600
        assert left >= 300
        async with line.consumer(door):
            await wait_until(lambda: holds(door, 600), 60)
            await wait_until(lambda: line.is_empty(), 30)
        assert await seen(door) == in_turn(USERS, 600)
