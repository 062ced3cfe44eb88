"""How events come from a topic of Kafka, and which offsets are committed when."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from errors import SettingsError

from .acceptance import TAKEN, DeadLetter, Take, stop_if_cancelled
from .record import Record, stable_id

DEADLINE = 10.0
"""Seconds within which a clean end has to be done."""
log = structlog.get_logger()


@dataclass(frozen=True)
class KafkaAccess:
    """How the brokers are spoken to; the words are those of Kafka's own clients."""

    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    ssl_cafile: Path | None = None

    def options(self) -> dict[str, Any]:
        """What aiokafka calls this; SettingsError where the file of certificates cannot be read."""
        options: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        if self.security_protocol.endswith("SSL"):
            try:
                options["ssl_context"] = ssl.create_default_context(cafile=self.ssl_cafile)
            except (OSError, ssl.SSLError):
                raise SettingsError(
                    "JOURNEYMAN_KAFKA_SSL_CAFILE: expected a readable file of certificates in PEM."
                ) from None
        return options


class Kafka:
    """A topic, consumed as one member of a group, and beside it the topic for dead letters."""

    name, library, extra = "Kafka", "aiokafka", "kafka"

    def __init__(self, servers: str, topic: str, group: str, access: KafkaAccess = KafkaAccess()) -> None:
        self.options = {"bootstrap_servers": servers, "client_id": "journeyman", **access.options()}
        self.topic = topic
        self.dead_letters = f"{topic}.dead-letter"
        self._group = group

    def away(self) -> tuple[type[BaseException], ...]:
        from aiokafka.errors import KafkaError

        return (KafkaError, OSError)

    async def consume(self, take: Take) -> None:
        """Take in the order of each partition; an offset is committed when all before it are taken."""
        from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

        consumer = AIOKafkaConsumer(
            self.topic,
            group_id=self._group,
            enable_auto_commit=False,
            # A group that has never committed begins with the oldest message, for it has taken none.
            auto_offset_reset="earliest",
            **self.options,
        )
        producer = AIOKafkaProducer(acks="all", **self.options)
        try:
            await producer.start()
            await consumer.start()
            while True:
                stop_if_cancelled()
                found = await consumer.getmany(timeout_ms=1000, max_records=TAKEN)
                group = [message for messages in found.values() for message in messages]
                if group:
                    await self._bury(producer, group, await take([_record(message) for message in group]))
                    await self._commit(consumer, {place: messages[-1].offset + 1 for place, messages in found.items()})
        finally:
            for each in (consumer, producer):
                with suppress(*self.away()):
                    async with asyncio.timeout(DEADLINE):
                        await each.stop()

    async def _commit(self, consumer: Any, offsets: dict[Any, int]) -> None:
        """Commit offsets; where the partition is another member's by now, that one takes the same again, and it is known."""
        from aiokafka.errors import CommitFailedError, IllegalStateError

        try:
            await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.info(
                "offsets were not committed: the group has divided its partitions anew", error=type(error).__name__
            )

    async def _bury(self, producer: Any, group: Sequence[Any], letters: Sequence[DeadLetter]) -> None:
        """Publish dead letters, and return when the broker has them."""
        for letter in letters:
            message = group[letter.place]
            headers = [
                *message.headers,
                ("x-reason", letter.reason.encode()),
                ("x-original-topic", message.topic.encode()),
                ("x-original-partition", str(message.partition).encode()),
                ("x-original-offset", str(message.offset).encode()),
            ]
            await producer.send_and_wait(self.dead_letters, letter.body, key=message.key, headers=headers)


def _record(message: Any) -> Record:
    # With the timestamp, so that a topic that was deleted and made anew does not repeat the ids of the former one.
    place = (message.topic, message.partition, message.offset, message.timestamp)
    return Record(message.value or b"", stable_id("kafka", *place), _moment(message.timestamp))


def _moment(milliseconds: int) -> datetime | None:
    """What a producer wrote may be no date at all."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
