"""Events from Kafka: committed before their offsets are, in order of each partition, and none lost whatever breaks."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from errors import SettingsError
from ingestion.brokers.consumer import Consumer
from ingestion.brokers.kafka import Kafka, KafkaAccess
from settings import Settings
from tests import kafka
from tests.door import Door, opened_door
from tests.kafka import KafkaServer, Topic
from tests.publishing import holds, in_turn, of_the_page, seen, shopping, viewed, written
from tests.servers import PostgreSQL, wait_until
from tests.wire import Wire

USERS = [f"u-{number}" for number in range(20)]


async def test_all_are_taken_in_order(door: Door, topic: Topic) -> None:
    """Of 2,000 messages on four partitions each is stored once, each person's in order, in groups, and all offsets are committed.

    Killed by: committing offsets without the + 1, or taking a partition's messages newest first.
    """
    assert await topic.publish(shopping(USERS, 2000)) == 2000
    async with topic.consumer(door):
        await wait_until(lambda: topic.has_committed(2000), 60)
    assert await seen(door) == in_turn(USERS, 2000)
    assert len(door.acceptor.groups) < 400


async def test_poison_goes_to_the_dead_letters(door: Door, topic: Topic) -> None:
    """What cannot be read or is refused goes to <topic>.dead-letter, with its key, the reason and where it stood, and nobody's
    address in it; of a batch only that part. All others are taken.

    Killed by: leaving _bury out, or publishing the whole record instead of Part.alone().
    """
    good = viewed("u-1", 1)
    wrong = {"event": "Cart Updated", "userId": "ada@example.com", "properties": {"value": "ada@example.com"}}
    batch = {"context": {"locale": "de"}, "batch": [viewed("u-1", 2), wrong]}
    bodies = [written(good), b"\xff\x00", b"", written({**good, "event": "Signed Up"}), written(batch), written(good)]
    await topic.publish([("u-1", body) for body in [*bodies, written(viewed("u-1", 3))]])
    with capture_logs() as lines:
        async with topic.consumer(door):
            await wait_until(lambda: holds(door, 3), 30)
            dead = await asyncio.wait_for(topic.dead(4), 30)
            await wait_until(lambda: topic.has_committed(7), 30)
    assert await seen(door) == {"u-1": [1, 2, 3]}
    headers = [{name: value.decode() for name, value in letter.headers} for letter in dead]
    assert [letter.value for letter in dead[:3]] == [bodies[1], bodies[2], bodies[3]]
    assert json.loads(dead[3].value)["context"] == {"locale": "de"}
    assert len(json.loads(dead[3].value)["batch"]) == 1
    assert {letter.key for letter in dead} == {b"u-1"}
    assert {each["x-original-topic"] for each in headers} == {topic.name}
    assert [int(each["x-original-offset"]) for each in headers] == [1, 2, 3, 4]
    reasons = [each["x-reason"] for each in headers]
    assert "not JSON" in reasons[0]
    assert "used before with another body" in reasons[2]
    assert "Cart Updated: value" in reasons[3]
    assert not [text for text in (*reasons, *map(str, lines)) if "ada@" in text]


async def test_ids_and_times_from_the_broker(door: Door, topic: Topic) -> None:
    """Events without message id are told apart by where they stand, and are known when they are delivered again; one without a
    time has that of its message, and a message whose time is no date has none.

    Killed by: leaving the offset out of stable_id, or catching nothing in _moment.
    """
    body = written({"event": "Signed Up", "userId": "u-1"})
    await topic.publish([("u-1", body), ("u-1", body)])
    await topic.publish([("u-1", body)], timestamp_ms=2**62)
    await topic.publish([("u-1", body)], timestamp_ms=1_772_357_400_000)
    for group in ("one", "another"):
        topic.group = f"{topic.name}-{group}"
        async with topic.consumer(door):
            await wait_until(lambda: topic.has_committed(4), 30)
    stored = await door.stored()
    assert len({row.event_id for row in stored}) == len(stored) == 4
    assert stored[3].occurred_at.isoformat() == "2026-03-01T09:30:00+00:00"


async def test_the_page(door: Door, topic: Topic, tmp_path: Path) -> None:
    """What the page tells backends to do is taken.

    Killed by: reading Kafka's messages as anything but the Segment spec.
    """
    await of_the_page("kafka_publisher.py", tmp_path)(topic.server.address, topic.name)
    async with topic.consumer(door):
        await wait_until(lambda: holds(door, 1), 30)
    assert [row.event_id for row in await door.stored("Order Completed")] == ["order-17-completed"]


async def test_the_wire_is_cut(door: Door, topic: Topic, kafka_wire: tuple[KafkaServer, Wire]) -> None:
    """A broker that is away again and again, also while offsets are being committed, loses and repeats nothing.

    Killed by: raising from Consumer._run where the broker is away.
    """
    wire = kafka_wire[1]
    async with topic.consumer(door):
        for turn in range(3):
            wire.holds_acknowledgements = True
            await topic.publish(shopping(USERS, 400, first=400 * turn))
            await wait_until(lambda most=wire.held: wire.held > most, 60)  # type: ignore[misc]
            await wire.cut()
            wire.holds_acknowledgements = False
            await wire.mend()
        await wait_until(lambda: topic.has_committed(1200), 60)
    assert wire.cuts >= 3
    assert await seen(door) == in_turn(USERS, 1200)


async def test_a_group_of_two(tmp_path: Path, topic: Topic) -> None:
    """A second consumer of the group takes some of the partitions over and gives them back when it ends: nothing is lost or
    repeated, and each person's order is kept.

    Killed by: committing offsets before take() has returned.
    """
    url = f"sqlite:///{tmp_path / 'journeyman.db'}"
    async with opened_door(url) as one, opened_door(url) as other:
        async with topic.consumer(one):
            await topic.publish(shopping(USERS, 400))
            await wait_until(lambda: holds(one, 400), 30)
            async with topic.consumer(other):
                published = 400
                while not other.acceptor.groups and published < 8000:
                    published += await topic.publish(shopping(USERS, 200, first=published))
                    await wait_until(lambda least=published: holds(one, least), 60)  # type: ignore[misc]
            published += await topic.publish(shopping(USERS, 400, first=published))
            await wait_until(lambda: holds(one, published), 60)
            await wait_until(lambda: topic.has_committed(published), 30)
        assert other.acceptor.groups
        assert await seen(one) == in_turn(USERS, published)


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "crashed"])
async def test_the_database_is_away(postgres: PostgreSQL, topic: Topic, crash: bool) -> None:
    """C4: while the database is away no offset is committed; when it is back everything is stored once, and in order.

    Killed by: committing offsets before take() has returned, or letting the client library do it.
    """
    async with opened_door(postgres.url(await postgres.create_database())) as door:
        async with topic.consumer(door):
            await topic.publish(shopping(USERS, 300))
            await wait_until(lambda: topic.has_committed(300), 30)
            await postgres.leave(crash=crash)
            with capture_logs() as lines:
                await topic.publish(shopping(USERS, 300, first=300))
                # Some seconds: longer than the client library waits before it commits by itself, if it may.
                await wait_until(lambda: sum("not stored" in each["event"] for each in lines) >= 7, 30)
            assert await topic.committed() == 300
            await postgres.come_back()
            await wait_until(lambda: topic.has_committed(600), 60)
        assert await seen(door) == in_turn(USERS, 600)


async def test_over_tls(door: Door, tmp_path: Path) -> None:
    """With security protocol SSL the brokers are believed by the certificates in JOURNEYMAN_KAFKA_SSL_CAFILE, and no others.

    Killed by: leaving ssl_context out of KafkaAccess.options.
    """
    if kafka.broker_program() is None:
        pytest.skip(kafka.MISSING)
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "stranger.pem")
    server = KafkaServer()
    server.start()
    try:
        async with Wire(server.advertised, server.port, kafka=True, tls=tls):
            context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
            topic = Topic(server, security_protocol="SSL", ssl_context=context)
            await topic.create()
            await topic.publish(shopping(USERS, 50))
            settings = Settings(
                kafka=server.address,
                kafka_topic=topic.name,
                kafka_security_protocol="SSL",
                kafka_ssl_cafile=tmp_path / "ca.pem",
            )
            (broker,) = settings.brokers
            async with Consumer(broker, door.acceptor):
                await wait_until(lambda: holds(door, 50), 30)
            mistrusting = KafkaAccess("SSL", ssl_cafile=tmp_path / "stranger.pem")
            with capture_logs() as lines:
                async with Consumer(Kafka(server.address, topic.name, "other", mistrusting), door.acceptor):
                    await wait_until(lambda: any("refuses us" in each["event"] for each in lines), 30)
    finally:
        server.stop()
    with pytest.raises(SettingsError, match="JOURNEYMAN_KAFKA_SSL_CAFILE"):
        KafkaAccess("SSL", ssl_cafile=tmp_path / "missing.pem").options()
    sasl = KafkaAccess("SASL_SSL", "SCRAM-SHA-512", "shop", "hunter2").options()
    assert (sasl["sasl_mechanism"], sasl["sasl_plain_username"], sasl["sasl_plain_password"]) == (
        ("SCRAM-SHA-512", "shop", "hunter2")
    )
