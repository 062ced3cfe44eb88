"""What the doctor says of brokers: whether they are reached, let us in, and hold what is consumed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aio_pika
import pytest
import pytest_asyncio
import trustme
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr

from doctor import examine, plain
from doctor_brokers import brokers
from doctor_finding import Finding
from ingestion.brokers.consumer import Consumer
from ingestion.brokers.rabbitmq import RabbitMQ
from settings import Settings
from tests import kafka, rabbitmq
from tests.door import Door
from tests.kafka import KafkaServer, Topic
from tests.publishing import holds, shopping, written
from tests.rabbitmq import Line, RabbitMQServer
from tests.servers import free_port, wait_until
from tests.tls import behind_tls

PASSWORD = "password-that-nobody-may-see"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node(authority: trustme.CA) -> AsyncIterator[RabbitMQServer]:
    """A RabbitMQ that listens with TLS too."""
    if not rabbitmq.is_installed():
        pytest.skip(rabbitmq.MISSING)
    server = RabbitMQServer(authority)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def secured(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaServer]:
    """A Kafka behind TLS: where clients are told to come there is no other."""
    if kafka.broker_program() is None:
        pytest.skip(kafka.MISSING)
    server = KafkaServer()
    server.start()
    try:
        async with behind_tls(authority, server.advertised, server.port):
            yield server
    finally:
        server.stop()


@pytest.fixture
def cafile(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


async def found(**changes: Any) -> list[Finding]:
    """What the check says; never a password."""
    findings = [finding async for finding in brokers(Settings(**changes))]
    assert PASSWORD not in json.dumps(plain(findings))
    assert all(bool(finding.todo) == (finding.mark != "well") for finding in findings)
    return findings


async def only(**changes: Any) -> tuple[str, str]:
    """The one thing that is said: its mark, and all its words."""
    (finding,) = await found(**changes)
    return finding.mark, f"{finding.found} {finding.todo}"


async def test_rabbitmq_is_well(node: RabbitMQServer, cafile: Path) -> None:
    """A queue with its dead letters is looked at, not made; with TLS and without.

    Killed by: declaring the queue; asking one queue alone; saying nothing of dead letters.
    """
    line = Line(node)
    known: dict[str, Any] = {"rabbitmq_queue": line.queue}
    for url in (node.url, f"amqps://guest:guest@127.0.0.1:{node.tls_port}/?cafile={cafile}"):
        known["rabbitmq"] = SecretStr(url)
        mark, said = await only(**known)
        assert (mark, "not there yet" in said) == ("warning", True)
    await line.publish([written(message) for _, message in shopping(["u"], 3)])
    assert await only(**known) == ("well", f"lets us in; 3 wait in the queue {line.queue} ")
    dead = Line(node)
    dead.queue = f"{line.queue}.dead-letter"
    dead.arguments = {}
    await dead.publish([b"{}"])
    queue, letters = await found(**known)
    assert (queue.mark, letters.mark, letters.found) == ("well", "warning", f"1 in the queue {line.queue}.dead-letter")
    assert await line.left() == 3


async def test_rabbitmq_is_not(node: RabbitMQServer, cafile: Path, authority: trustme.CA, tmp_path: Path) -> None:
    """A wrong password, virtual host, port, protocol, authority and file are told apart, each with what to do.

    Killed by: any of the branches of _no_rabbitmq.
    """
    plainly, with_tls, nobody = node.port, node.tls_port, free_port()
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    cases = [
        (f"amqp://guest:{PASSWORD}@127.0.0.1:{plainly}/", "not this password"),
        (f"amqp://guest:guest@127.0.0.1:{plainly}/nowhere", "virtual host"),
        (f"amqp://guest:{PASSWORD}@127.0.0.1:{nobody}/", "is not reached (ConnectionRefusedError)"),
        (f"amqps://guest:guest@127.0.0.1:{with_tls}/?cafile={other}", "certificate is not believed"),
        (f"amqps://guest:guest@localhost:{with_tls}/?cafile={cafile}", "Hostname mismatch"),
        (f"amqps://guest:guest@127.0.0.1:{with_tls}/?cafile={tmp_path / 'none.pem'}", "is not there"),
        (f"amqps://guest:guest@127.0.0.1:{plainly}/?cafile={cafile}", "does not speak TLS"),
        (f"amqp://guest:guest@127.0.0.1:{with_tls}/", "a port for amqps://"),
    ]
    for url, says in cases:
        mark, said = await only(rabbitmq=SecretStr(url))
        assert mark == "broken"
        assert says in said, said


async def test_what_is_not_ours(node: RabbitMQServer) -> None:
    """A virtual host for which our user has no leave, and a queue that is another connection's own, are told.

    Killed by: taking every refusal for a queue that is not there.
    """
    await node.control("add_user", "weak", PASSWORD)
    url = SecretStr(f"amqp://weak:{PASSWORD}@127.0.0.1:{node.port}/")
    mark, said = await only(rabbitmq=url)
    assert (mark, "give the user leave" in said) == ("broken", True)

    line = Line(node)
    async with await aio_pika.connect(node.url) as connection:
        await (await connection.channel()).declare_queue(line.queue, exclusive=True)
        mark, said = await only(rabbitmq=SecretStr(node.url), rabbitmq_queue=line.queue)
    assert (mark, "another connection's own" in said) == ("broken", True)


async def test_consumed_over_tls(node: RabbitMQServer, cafile: Path, door: Door) -> None:
    """What is published is taken over amqps:// too, from a broker whose certificate is believed.

    Killed by: dropping the query of the address in RabbitMQ.
    """
    line = Line(node)
    count = await line.publish([written(message) for _, message in shopping(["u"], 3)])
    url = f"amqps://guest:guest@127.0.0.1:{node.tls_port}/?cafile={cafile}"
    async with Consumer(RabbitMQ(url, line.queue), door.acceptor):
        assert await wait_until(lambda: holds(door, count), 20)


async def test_kafka_is_well(secured: KafkaServer, cafile: Path, door: Door) -> None:
    """Topics are looked for, and not made; what is published is taken over TLS, from a broker whose certificate is believed.

    Killed by: asking for one topic by its name; looking for the dead letters' topic no more; an ssl_context without cafile.
    """
    known: dict[str, Any] = {"kafka": secured.address, "kafka_security_protocol": "SSL", "kafka_ssl_cafile": cafile}
    topic = Topic(secured, **Settings(**known).brokers[0].options)  # type: ignore[attr-defined]
    known |= {"kafka_topic": topic.name, "kafka_group": topic.group}
    for missing in (f"{topic.name} and {topic.name}.dead-letter", f"show us {topic.name}.dead-letter"):
        mark, said = await only(**known)
        assert (mark, missing in said) == ("warning", True), said
        admin = AIOKafkaAdminClient(**Settings(**known).brokers[0].options)  # type: ignore[attr-defined]
        await admin.start()
        names = [topic.name] if " and " in missing else [f"{topic.name}.dead-letter"]
        await admin.create_topics([NewTopic(name, 4, 1) for name in names])
        await admin.close()
    mark, said = await only(**known)
    assert (mark, topic.name in said) == ("well", True)
    count = await topic.publish(shopping(["u"], 3))
    (broker,) = Settings(**known).brokers
    async with Consumer(broker, door.acceptor):
        assert await wait_until(lambda: holds(door, count), 20)


async def test_kafka_is_not(secured: KafkaServer, cafile: Path, tmp_path: Path) -> None:
    """A port where nobody is, another authority, another protocol and a password that is not taken are told apart.

    Killed by: any of the branches of _why_not.
    """
    other, nobody = tmp_path / "other.pem", f"127.0.0.1:{free_port()}"
    trustme.CA().cert_pem.write_to_path(str(other))
    tls, inside = secured.address, f"127.0.0.1:{secured.port}"
    password = {"kafka_sasl_username": "u", "kafka_sasl_password": SecretStr(PASSWORD)}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"kafka": nobody}, "is not reached"),
        ({"kafka": f"{nobody},{nobody}"}, "is not reached"),
        ({"kafka": tls, "kafka_security_protocol": "SSL", "kafka_ssl_cafile": other}, "certificate is not believed"),
        ({"kafka": tls}, "does not answer in PLAINTEXT"),
        ({"kafka": inside, "kafka_security_protocol": "SASL_PLAINTEXT", **password}, "does not let us in"),
    ]
    for changes, says in cases:
        mark, said = await only(**changes)
        assert mark == "broken"
        assert says in said, said


async def test_kafka_wants_a_password() -> None:
    """A broker that lets nobody in without a password: a wrong one is told, and none at all.

    Killed by: catching only Kafka's own errors in _no_kafka (a client that is refused by SCRAM raises others).
    """
    if kafka.broker_program() is None:
        pytest.skip(kafka.MISSING)
    server = KafkaServer("--authentication")
    server.advertised = server.port
    server.start()
    known: dict[str, Any] = {"kafka": server.address}
    try:

        async def answers() -> bool:
            return "is not reached" not in (await only(**known))[1]

        await wait_until(answers, 20)
        assert "whether it wants SASL" in (await only(**known))[1]
        wrong = {"kafka_sasl_username": "u", "kafka_sasl_password": SecretStr(PASSWORD)}
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            asked = known | wrong | {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": mechanism}
            mark, said = await only(**asked)
            assert (mark, "does not let us in" in said) == ("broken", True), said
    finally:
        server.stop()


async def test_part_of_the_whole(tmp_path: Path) -> None:
    """`doctor` looks at the brokers that are set, and only at them.

    Killed by: leaving `brokers` out of CHECKS.
    """
    nobody = f"127.0.0.1:{free_port()}"
    known: dict[str, Any] = {"data_dir": tmp_path / "data", "temporal_port": free_port(), "port": free_port()}
    names = {"RabbitMQ", "Kafka"}
    without = await examine(lambda: Settings(**known))
    assert not names & {finding.check for finding in without}
    asked = Settings(**known, kafka=nobody, rabbitmq=SecretStr(f"amqp://{nobody}/"))
    both = [finding for finding in await examine(lambda: asked) if finding.check in names]
    assert [(finding.check, finding.mark) for finding in both] == [("RabbitMQ", "broken"), ("Kafka", "broken")]
