"""Events from RabbitMQ: committed before they are acknowledged, in order, and put aside where they cannot be read."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aio_pika
import pamqp.encode
import pytest
from aio_pika.exceptions import ChannelClosed
from structlog.testing import capture_logs

from errors import SettingsError
from ingestion.brokers.consumer import Consumer
from ingestion.brokers.rabbitmq import RabbitMQ
from settings import Settings
from tests.door import Door, opened_door
from tests.publishing import holds, in_turn, of_the_page, seen, shopping, viewed, written
from tests.rabbitmq import Line
from tests.servers import wait_until
from tests.wire import Wire

SINGLE = "x-single-active-consumer"
USERS = [f"u-{number}" for number in range(20)]


async def test_all_are_taken_in_order(door: Door, line: Line, rabbitmq_wire: Wire) -> None:
    """Of 2,000 messages each is stored once, each person's in order, in groups; afterwards the queue is empty.

    Killed by: taking the newest of what has arrived first in _next, or never acknowledging.
    """
    assert await line.publish(written(message) for _, message in shopping(USERS, 2000)) == 2000
    async with line.consumer(door, rabbitmq_wire.port):
        await wait_until(lambda: rabbitmq_wire.acknowledged == 2000, 60)
    assert await seen(door) == in_turn(USERS, 2000)
    assert len(door.acceptor.groups) < 400
    assert await line.left() == 0


async def test_poison_goes_to_the_dead_letters(door: Door, line: Line) -> None:
    """What cannot be read or is refused goes to <queue>.dead-letter with the reason and without anybody's address in it;
    of a batch only that part goes, which can be mended and published again. All others are taken.

    Killed by: publishing the whole record instead of Part.alone(), or acknowledging without _bury.
    """
    good, other = viewed("u-1", 1), viewed("u-1", 2)
    wrong = {"event": "Cart Updated", "userId": "ada@example.com", "properties": {"value": "ada@example.com"}}
    batch = {"sentAt": "2026-03-01T09:30:00Z", "context": {"locale": "de"}, "batch": [viewed("u-1", 3), wrong]}
    poison = [b"\xff\x00", b"", b"[1]", b'{"a":' * 5000, b'{"batch": 1}', b'{"batch":["x"]}']
    nameless = {"type": "ada@example.com", "event": "x", "userId": "u-1"}
    bodies = [written(good), *poison, written({**good, "event": "Signed Up"}), written(batch), written(nameless)]
    await line.publish([*bodies, written(good), written(other)], message_id="from-the-shop", headers={"trace": "t-1"})
    with capture_logs() as lines:
        async with line.consumer(door):
            await wait_until(lambda: holds(door, 3))
            dead = await wait_until(lambda: _dead(line, 9))
    assert await seen(door) == {"u-1": [1, 3, 2]}
    reasons = [str((letter.headers or {})["x-reason"]) for letter in dead]
    assert [letter.body for letter in dead[:6]] == poison
    assert "not JSON" in reasons[0]
    assert "used before with another body" in reasons[6]
    assert "Cart Updated: value" in reasons[7]
    assert "type: expected one of" in reasons[8]
    assert not [text for text in (*reasons, *map(str, lines)) if "ada@" in text]
    assert {((letter.headers or {})["x-original-queue"], (letter.headers or {})["trace"]) for letter in dead} == {
        (line.queue, "t-1")
    }
    part = json.loads(dead[7].body)
    assert part["context"] == batch["context"]
    part["batch"][0]["properties"] = {"cart_id": "c", "value": "3", "currency": "EUR"}
    await line.publish([written(part)], message_id="from-the-shop")
    async with line.consumer(door):
        await wait_until(lambda: holds(door, 4))
    (mended,) = await door.stored("Cart Updated")
    assert mended.event_id == "from-the-shop/1"


async def test_ids_and_times_from_the_broker(door: Door, line: Line, rabbitmq_wire: Wire) -> None:
    """An event without message id has the message's own, or that of its content, so that a second copy is known; one without
    a time has the time at which it was published.

    Killed by: dropping messageId or timestamp from _completed.
    """
    body = {"event": "Signed Up", "userId": "u-1"}
    published = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    await line.publish([written(body)], message_id="m-1", timestamp=published)
    await line.publish([written(body)], message_id="m-1")
    await line.publish([written(body)] * 2, has_id=False)
    async with line.consumer(door, rabbitmq_wire.port):
        await wait_until(lambda: rabbitmq_wire.acknowledged == 4)
    first, second = await door.stored()
    assert (first.event_id, first.occurred_at) == ("m-1", published)
    assert second.event_id.startswith("rabbitmq-")


async def test_properties_that_cannot_be_read(door: Door, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message whose timestamp is no date, as where a publisher counts nanoseconds, is taken without it and holds up nobody;
    a dead letter goes to no queue but its own, whatever its headers ask for.

    Killed by: leaving be_lenient() out, or keeping the headers in COPIES.
    """
    with monkeypatch.context() as patched:
        patched.setitem(pamqp.encode.METHODS, "timestamp", lambda _: struct.pack(">Q", 1_772_357_400_000_000_000))
        await line.publish([written(viewed("u-1", 1))], timestamp=datetime.now(UTC))
    await line.publish([written(viewed("u-1", 2))])
    other = Line(line.server)
    await other.publish([])
    await line.publish([b"poison"], headers={"CC": [other.queue]})
    async with line.consumer(door):
        await wait_until(lambda: holds(door, 2))
        await wait_until(lambda: _dead(line, 1))
    assert await seen(door) == {"u-1": [1, 2]}
    assert await other.left() == 1  # what RabbitMQ gave it when the message was published


async def test_the_page(door: Door, line: Line, tmp_path: Path) -> None:
    """What the page tells backends to do is taken.

    Killed by: reading RabbitMQ's messages as anything but the Segment spec.
    """
    await line.publish([])
    await of_the_page("rabbitmq_publisher.py", tmp_path)(line.server.url, line.queue)
    async with line.consumer(door):
        await wait_until(lambda: holds(door, 1))
    assert [row.event_id for row in await door.stored("Order Completed")] == ["order-17-completed"]


async def test_what_the_broker_gives_up(door: Door, line: Line) -> None:
    """A message that RabbitMQ itself gives up in a queue of our making, as a quorum queue does when it was delivered too often, is
    among the dead letters.

    Killed by: declaring the queue without x-dead-letter-exchange.
    """
    async with line.consumer(door):
        await wait_until(lambda: _made(line))
    await line.publish([b"poison"])
    async with await aio_pika.connect(line.server.url) as connection:
        queue = await (await connection.channel()).get_queue(line.queue)
        message = await queue.get()
        await message.reject(requeue=False)
    (letter,) = await wait_until(lambda: _dead(line, 1))
    assert letter.body == b"poison"


async def test_two_consumers(tmp_path: Path, line: Line) -> None:
    """Of two consumers one takes everything, so that order is kept; when it goes, the other goes on.

    Killed by: declaring the queue without x-single-active-consumer.
    """
    url = f"sqlite:///{tmp_path / 'journeyman.db'}"
    async with opened_door(url) as one, opened_door(url) as other:
        async with line.consumer(other):
            await wait_until(lambda: _made(line))
            async with line.consumer(one):
                await wait_until(lambda: _consumers(line, 2))
                await line.publish(written(message) for _, message in shopping(USERS, 400))
                await wait_until(lambda: holds(one, 400), 30)
                took = [bool(door.acceptor.groups) for door in (one, other)]
                assert sorted(took) == [False, True]
            await line.publish(written(message) for _, message in shopping(USERS, 200, first=400))
            await wait_until(lambda: holds(other, 600), 30)
        assert await seen(other) == in_turn(USERS, 600)


async def test_a_queue_of_ones_own(door: Door, line: Line) -> None:
    """A queue that is there is taken as it is, quorum or not; where it would let two consumers mix up the order the log says so.

    Killed by: letting the refused declaration end _declare.
    """
    own: tuple[dict[str, Any], ...] = {"x-queue-type": "quorum", SINGLE: True}, {}
    for number, arguments in enumerate(own):
        async with await aio_pika.connect(line.server.url) as connection:
            channel = await connection.channel()
            await channel.queue_delete(line.queue)
            queue = await channel.declare_queue(line.queue, durable=True, arguments=dict(arguments))
            await channel.default_exchange.publish(aio_pika.Message(written(viewed("u-1", number))), queue.name)
        with capture_logs() as lines:
            async with line.consumer(door):
                await wait_until(lambda least=number + 1: holds(door, least))  # type: ignore[misc]
        assert any("single active consumer" in each["event"] for each in lines) == (SINGLE not in arguments)


async def test_no_address_and_no_library(door: Door) -> None:
    """What is no AMQP address, and a library that is missing, are said in words before anything starts; no password is repeated.

    Killed by: importing the library without looking in Consumer.__init__.
    """
    with pytest.raises(SettingsError, match="JOURNEYMAN_RABBITMQ: expected amqp://") as told:
        _ = Settings(rabbitmq="guest:hunter2@rabbit").brokers
    assert "hunter2" not in str(told.value)
    broker = RabbitMQ("amqp://guest:hunter2@127.0.0.1/", "q")
    broker.library = "aio_pika_that_nobody_has"
    with pytest.raises(SettingsError, match=r"pip install '\.\[rabbitmq\]'"):
        Consumer(broker, door.acceptor)


async def _made(line: Line) -> bool:
    with suppress(ChannelClosed):
        return await line.left() == 0
    return False


async def _dead(line: Line, number: int) -> list[aio_pika.abc.AbstractIncomingMessage]:
    dead = await line.dead()
    return dead if len(dead) == number else []


async def _consumers(line: Line, number: int) -> bool:
    async with await aio_pika.connect(line.server.url) as connection:
        queue = await (await connection.channel()).get_queue(line.queue)
        return queue.declaration_result.consumer_count == number
