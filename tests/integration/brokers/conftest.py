"""Real brokers for these tests, and what is published to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests import kafka, rabbitmq
from tests.door import Door, opened_door
from tests.kafka import KafkaServer, Topic
from tests.rabbitmq import Line, RabbitMQServer
from tests.servers import PostgreSQL, free_port
from tests.wire import Wire


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rabbitmq_server() -> AsyncIterator[RabbitMQServer]:
    """The broker that all tests of a worker share; some of them stop it and start it again."""
    if not rabbitmq.is_installed():
        pytest.skip(rabbitmq.MISSING)
    server = RabbitMQServer()
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@pytest.fixture
def line(rabbitmq_server: RabbitMQServer) -> Line:
    return Line(rabbitmq_server)


@pytest_asyncio.fixture
async def rabbitmq_wire(rabbitmq_server: RabbitMQServer) -> AsyncIterator[Wire]:
    """A way to RabbitMQ that can be cut."""
    async with Wire(free_port(), rabbitmq_server.port, kafka=False) as wire:
        yield wire


@pytest_asyncio.fixture
async def kafka_wire() -> AsyncIterator[tuple[KafkaServer, Wire]]:
    """A broker of one test's own, as it keeps everything in memory, and the one way to it."""
    if kafka.broker_program() is None:
        pytest.skip(kafka.MISSING)
    server = KafkaServer()
    server.start()
    try:
        async with Wire(server.advertised, server.port, kafka=True) as wire:
            yield server, wire
    finally:
        server.stop()


@pytest_asyncio.fixture
async def topic(kafka_wire: tuple[KafkaServer, Wire]) -> Topic:
    topic = Topic(kafka_wire[0])
    await topic.create()
    return topic


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """What accepts into a database in a file."""
    async with opened_door(f"sqlite:///{tmp_path / 'journeyman.db'}") as door:
        yield door


@pytest_asyncio.fixture
async def postgres() -> AsyncIterator[PostgreSQL]:
    """One of our own, which can be stopped while others work, and loses nothing that it has committed."""
    server = PostgreSQL(keeps_commits=True)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
