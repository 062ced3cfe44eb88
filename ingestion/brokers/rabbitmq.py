"""How events come from a queue of RabbitMQ (AMQP 0-9-1), and what is acknowledged when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from errors import SettingsError

from .acceptance import TAKEN, DeadLetter, Take, stop_if_cancelled
from .amqp_properties import be_lenient
from .record import Record, stable_id

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection
    from aiormq.abc import DeliveredMessage
    from pamqp.common import Arguments

SINGLE = "x-single-active-consumer"
"""The queue's argument by which only one of several consumers gets its messages, so that they are taken in order."""
COPIES = frozenset({"CC", "BCC"})
"""Headers by which RabbitMQ gives a message to further queues: they have theirs already."""
DEADLINE = 10.0
"""Seconds within which the broker has to answer."""
log = structlog.get_logger()


class RabbitMQ:
    """A durable queue, and beside it the one for dead letters; both are made where they are missing."""

    name, library, extra = "RabbitMQ", "aio_pika", "rabbitmq"

    def __init__(self, url: str, queue: str) -> None:
        """`url` is amqp:// or amqps://; SettingsError where it is not."""
        if urlsplit(url).scheme not in ("amqp", "amqps"):
            raise SettingsError("JOURNEYMAN_RABBITMQ: expected amqp://user:password@host/vhost, or amqps://….")
        self.url = url
        self.queue = queue
        self.dead_letters = f"{queue}.dead-letter"

    def away(self) -> tuple[type[BaseException], ...]:
        from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

        return (AMQPError, ChannelInvalidStateError, OSError)

    async def consume(self, take: Take) -> None:
        """Everything here belongs to one channel: what it has not acknowledged when it ends is delivered again, in its place."""
        import aio_pika

        be_lenient()
        connection = await aio_pika.connect(
            self.url, timeout=DEADLINE, client_properties={"connection_name": "journeyman"}
        )
        try:
            await self._declare(connection)
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.set_qos(prefetch_count=TAKEN)
            arrived: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
            over = asyncio.ensure_future(_over(channel))
            try:
                # Not by way of aio-pika's own message, which cannot be made of everything that RabbitMQ delivers.
                raw = await channel.get_underlay_channel()
                await raw.basic_consume(self.queue, arrived.put)
                while True:
                    stop_if_cancelled()
                    group = await _next(arrived, over)
                    letters = await take([_record(message) for message in group])
                    await self._bury(channel, group, letters)
                    for message in group:
                        await raw.basic_ack(_tag(message))
            finally:
                over.cancel()
        finally:
            with suppress(*self.away()):
                async with asyncio.timeout(DEADLINE):
                    await connection.close()

    async def _declare(self, connection: AbstractConnection) -> None:
        """Make both queues; one that is there is taken as it is."""
        await _make(connection, self.dead_letters, {})
        # What the broker itself gives up, as a quorum queue does with what was delivered too often, is not lost either.
        best: Arguments = {SINGLE: True, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": self.dead_letters}
        refusal = await _make(connection, self.queue, best, {SINGLE: True})
        if SINGLE in refusal:
            log.warning(
                "the queue has no single active consumer: order is kept as long as one process consumes it",
                queue=self.queue,
            )

    async def _bury(
        self, channel: AbstractChannel, group: Sequence[DeliveredMessage], letters: Sequence[DeadLetter]
    ) -> None:
        """Publish dead letters, and return when the broker has confirmed them."""
        from aio_pika import DeliveryMode, Message

        for letter in letters:
            message = group[letter.place]
            properties = message.header.properties
            kept = {name: value for name, value in (properties.headers or {}).items() if name not in COPIES}
            dead = Message(
                letter.body,
                headers={**kept, "x-reason": letter.reason, "x-original-queue": self.queue},
                content_type=properties.content_type,
                delivery_mode=DeliveryMode.PERSISTENT,
                message_id=_record(message).id,
                timestamp=properties.timestamp,
            )
            await channel.default_exchange.publish(dead, self.dead_letters, mandatory=True, timeout=DEADLINE)


async def _make(connection: AbstractConnection, name: str, *forms: Arguments) -> str:
    """Declare a durable queue in the first form that the broker agrees to; returns why it has agreed to none but what is there."""
    from aio_pika.exceptions import ChannelClosed

    refusal = ""
    for arguments in forms:
        channel = await connection.channel()
        try:
            await channel.declare_queue(name, durable=True, arguments=arguments)
        except ChannelClosed as error:
            # It is there with other arguments, or we may not make one. The channel is gone with that.
            refusal = str(error)
            continue
        await channel.close()
        return ""
    channel = await connection.channel()
    await channel.declare_queue(name, passive=True)
    await channel.close()
    return refusal


async def _over(channel: AbstractChannel) -> None:
    """Return when nothing will come any more: the channel is closed, or the broker has cancelled our consumer."""
    cancelled = asyncio.Event()
    (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
    waiting: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(channel.closed()),
        asyncio.ensure_future(cancelled.wait()),
    ]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


async def _next(arrived: asyncio.Queue[DeliveredMessage], over: asyncio.Future[None]) -> list[DeliveredMessage]:
    """What has arrived, at least one message; ConnectionError where nothing will."""
    first = asyncio.ensure_future(arrived.get())
    either: list[asyncio.Future[Any]] = [first, over]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            raise ConnectionError("RabbitMQ has closed the channel or cancelled the consumer.")
        group = [first.result()]
    finally:
        first.cancel()
    while len(group) < TAKEN and not arrived.empty():
        group.append(arrived.get_nowait())
    return group


def _record(message: DeliveredMessage) -> Record:
    properties = message.header.properties
    sent_at = properties.timestamp
    if sent_at is not None and sent_at.tzinfo is None:
        sent_at = sent_at.replace(tzinfo=UTC)
    return Record(message.body, properties.message_id or stable_id("rabbitmq", message.body.hex()), sent_at)


def _tag(message: DeliveredMessage) -> int:
    tag = message.delivery_tag
    assert tag is not None, "what was delivered to a consumer has a tag"
    return tag
