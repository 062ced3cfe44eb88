"""The shipped commands with a broker: killed at the worst moment, told wrong, and ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from stack import TemporalServer
from storage.runs import entries_of_person
from tests.door import opened_door, somebody
from tests.kafka import KafkaServer, Topic
from tests.programs import Place, Program, answers, command
from tests.publishing import count, in_turn, seen, shopping, written
from tests.rabbitmq import Line
from tests.servers import free_port, wait_until
from tests.wire import Wire

Acknowledged = Callable[[], Awaitable[bool]]


async def killed_before_acknowledging(
    place: Place, wire: Wire, users: list[str], publish: Callable[[], Awaitable[int]], acknowledged: Acknowledged
) -> None:
    """Kill `consume` when what was published is committed and not acknowledged; start it again and look what is stored."""
    program = Program(place, "starter.py", "consume")
    wire.holds_acknowledgements = True
    program.start()
    try:
        await program.says("Consuming")
        async with opened_door(f"sqlite:///{place.home / 'journeyman.db'}") as door:
            number = await publish()

            async def committed() -> bool:
                return wire.held > 0 and await count(door) == number

            await wait_until(committed, 40)
            program.kill()
            assert wire.acknowledged == 0
            await wire.cut()
            wire.holds_acknowledgements = False
            await wire.mend()
            program.start()
            await wait_until(acknowledged, 60)
            assert await seen(door) == in_turn(users, number)
            assert await count(door) == number
        assert await program.interrupt() in (0, 130)
        assert "Traceback" not in program.log.read_text()
    finally:
        program.end()


@pytest.mark.server
async def test_killed_before_the_ack(temporal: TemporalServer, tmp_path: Path, line: Line, rabbitmq_wire: Wire) -> None:
    """B1: a consumer that is killed after the commit and before RabbitMQ has its acknowledgement gets the same again: each event is
    stored once.

    Killed by: making up a new message id where one is missing, or consuming with no_ack.
    """
    place = Place(tmp_path, TEMPORAL_ADDRESS=temporal.address)
    place.changes |= {"JOURNEYMAN_RABBITMQ": line.server.url_at(rabbitmq_wire.port)}
    place.changes |= {"JOURNEYMAN_RABBITMQ_QUEUE": line.queue}
    users = [somebody(), somebody()]
    messages = [message for _, message in shopping(users, 6)]
    for message in messages[:2]:
        del message["messageId"]

    async def publish() -> int:
        return await line.publish(written(message) for message in messages)

    async def acknowledged() -> bool:
        return rabbitmq_wire.acknowledged == 6

    await killed_before_acknowledging(place, rabbitmq_wire, users, publish, acknowledged)
    assert await line.left() == 0


@pytest.mark.server
async def test_killed_before_the_offset(
    temporal: TemporalServer, tmp_path: Path, topic: Topic, kafka_wire: tuple[KafkaServer, Wire]
) -> None:
    """B1: a consumer that is killed after the commit and before Kafka has its offsets gets the same again: each event is stored once.

    Killed by: making up a new message id where one is missing.
    """
    place = Place(tmp_path, TEMPORAL_ADDRESS=temporal.address)
    place.changes |= {"JOURNEYMAN_KAFKA": topic.server.address}
    place.changes |= {"JOURNEYMAN_KAFKA_TOPIC": topic.name, "JOURNEYMAN_KAFKA_GROUP": topic.group}
    users = [somebody(), somebody()]
    messages = shopping(users, 6)
    for _, message in messages[:2]:
        del message["messageId"]

    async def publish() -> int:
        return await topic.publish(messages)

    async def acknowledged() -> bool:
        return await topic.committed() == 6

    await killed_before_acknowledging(place, kafka_wire[1], users, publish, acknowledged)


@pytest.mark.server
async def test_serve_consumes_too(temporal: TemporalServer, tmp_path: Path, line: Line) -> None:
    """`serve` takes from the broker beside its front door: a cart that was published there opens a run, as one that was posted does.

    Killed by: leaving the consumers out of receiving().
    """
    place, user = Place(tmp_path, TEMPORAL_ADDRESS=temporal.address), somebody()
    place.changes |= {"JOURNEYMAN_RABBITMQ": line.server.url, "JOURNEYMAN_RABBITMQ_QUEUE": line.queue}
    cart = {"cart_id": "c", "value": "59.90", "currency": "EUR"}
    await line.publish([written({"userId": user, "event": "Cart Updated", "messageId": "m", "properties": cart})])
    program = Program(place, "starter.py", "serve")
    program.start()
    try:
        await answers(place)
        async with opened_door(f"sqlite:///{tmp_path / 'journeyman.db'}") as door:

            async def entered() -> bool:
                async with door.database.read() as connection:
                    return [entry.state for entry in await entries_of_person(connection, user)] == ["started"]

            await wait_until(entered, 30)
        async with httpx.AsyncClient(trust_env=False) as http:
            health = await http.get(f"http://127.0.0.1:{place.port}/health")
        assert (health.status_code, health.json()["unrouted"]) == (200, 0)
        assert await program.interrupt() in (0, 130)
        assert "Traceback" not in program.log.read_text()
    finally:
        program.end()


@pytest.mark.server
async def test_brokers_that_are_away(temporal: TemporalServer, tmp_path: Path) -> None:
    """Where neither broker answers the front door works all the same and is healthy; the log says that they are tried again, and
    Ctrl-C ends it all.

    Killed by: raising from Consumer._run where the broker is away.
    """
    place, nobody = Place(tmp_path, TEMPORAL_ADDRESS=temporal.address), free_port()
    place.changes |= {"JOURNEYMAN_RABBITMQ": f"amqp://guest:hunter2@127.0.0.1:{nobody}/"}
    place.changes |= {"JOURNEYMAN_KAFKA": f"127.0.0.1:{nobody}"}
    program = Program(place, "starter.py", "serve")
    program.start()
    try:
        await answers(place)

        def tried() -> bool:
            text = program.log.read_text()
            return all(text.count(f'"broker": "{broker}", "error": ') >= 2 for broker in ("RabbitMQ", "Kafka"))

        await wait_until(tried, 30)
        await answers(place)
        assert await program.interrupt() in (0, 130)
        assert "hunter2" not in program.log.read_text()
    finally:
        program.end()


@pytest.mark.server
async def test_a_consumer_dies(temporal: TemporalServer, tmp_path: Path, line: Line) -> None:
    """A consumer that nothing can help is said by its name, and the process ends with code 1.

    Killed by: leaving the consumers' lives out of Service.lives.
    """
    place = Place(tmp_path, TEMPORAL_ADDRESS=temporal.address)
    # No queue can have such a name: the library refuses to ask for it.
    place.changes |= {"JOURNEYMAN_RABBITMQ": line.server.url, "JOURNEYMAN_RABBITMQ_QUEUE": "q" * 300}
    said = await command(place, "starter.py", "consume")
    assert said.code == 1
    assert "The consumer of RabbitMQ has died" in said.err
    assert "Traceback" not in said.err


async def test_nothing_to_consume(tmp_path: Path) -> None:
    """`consume` without a broker names the two variables; a broker that cannot be one is named before anything starts.

    Killed by: leaving settings.brokers out of Settings.read.
    """
    place = Place(tmp_path / "data")
    said = await command(place, "starter.py", "consume")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "JOURNEYMAN_RABBITMQ" in said.err
    assert "JOURNEYMAN_KAFKA" in said.err
    for name, value in (("RABBITMQ", "rabbit:hunter2@host"), ("KAFKA_SECURITY_PROTOCOL", "hunter2")):
        place.changes = {f"JOURNEYMAN_{name}": value}
        said = await command(place, "starter.py", "serve")
        assert (said.code, said.err.count("\n")) == (1, 1)
        assert f"JOURNEYMAN_{name}" in said.err
        assert "hunter2" not in said.err
    assert not place.home.exists()
