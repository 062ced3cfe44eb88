"""Whether the brokers that events come from are reached, let us in, and hold what we consume."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

from doctor_finding import Finding, broken, warning, well
from ingestion.brokers.kafka import Kafka
from ingestion.brokers.rabbitmq import RabbitMQ
from settings import Settings

ANSWER = 5.0
"""Seconds that one question may take."""
LETTERS = "See docs/brokers.md, Dead letters: x-reason says why; mend them, and publish them again."


async def brokers(settings: Settings) -> AsyncIterator[Finding]:
    """Each that is set: reachable, with these credentials, and its queue or topic. Nothing is made and nothing taken."""
    for broker in settings.brokers:
        if find_spec(broker.library) is None:
            yield broken(
                broker.name, "its library is missing", f"Install it: .venv/bin/pip install '.[{broker.extra}]'"
            )
        elif isinstance(broker, RabbitMQ):
            async for finding in _rabbitmq(broker):
                yield finding
        elif isinstance(broker, Kafka):
            async for finding in _kafka(broker):
                yield finding


async def _rabbitmq(broker: RabbitMQ) -> AsyncIterator[Finding]:
    import aio_pika
    from aio_pika.exceptions import AMQPError

    try:
        connection = await aio_pika.connect(broker.url, timeout=ANSWER)
    except (AMQPError, OSError) as error:
        yield _no_rabbitmq(error)
        return
    try:
        waiting, dead = [await _length(connection, queue) for queue in (broker.queue, broker.dead_letters)]
    except AMQPError as error:
        told = f"the queue {broker.queue} cannot be looked at ({type(error).__name__})"
        yield broken(
            "RabbitMQ", told, "Read the broker's log: it may be another connection's own, or not for our user."
        )
        return
    finally:
        await connection.close()
    if waiting is None:
        told = f"lets us in; the queue {broker.queue} is not there yet"
        yield warning("RabbitMQ", told, "It is made at the first start of `serve` or `consume`.")
    else:
        yield well("RabbitMQ", f"lets us in; {waiting} wait in the queue {broker.queue}")
    if dead:
        yield warning("Dead letters", f"{dead} in the queue {broker.dead_letters}", LETTERS)


def _no_rabbitmq(error: Exception) -> Finding:
    """What is in the way of a connection; the error's own words may hold the address, and so the password."""
    from aiormq.exceptions import InvalidFrameError, ProbableAuthenticationError

    if isinstance(error, ProbableAuthenticationError):
        return broken("RabbitMQ", "it does not know this user, or not this password", "Correct JOURNEYMAN_RABBITMQ.")
    if isinstance(error, InvalidFrameError):
        told = "it lets us in, but not into this virtual host"
        return broken(
            "RabbitMQ", told, "Correct the path in JOURNEYMAN_RABBITMQ (%2F is /), or give the user leave to it."
        )
    if isinstance(error, FileNotFoundError):
        told = "a file that JOURNEYMAN_RABBITMQ names is not there"
        return broken("RabbitMQ", told, "Correct cafile, certfile or keyfile at the end of the address.")
    tls = _tls(
        error, "Name its authority: amqps://…/?cafile=/path/ca.pem", "amqps:// is for port 5671, amqp:// for 5672."
    )
    advice = "Start it, or correct host and port in JOURNEYMAN_RABBITMQ; amqp:// does not reach a port for amqps://."
    return broken("RabbitMQ", *(tls or (f"it is not reached ({type(error.__cause__ or error).__name__})", advice)))


async def _length(connection: Any, queue: str) -> int | None:
    """How many messages wait there; None if there is no such queue. A refusal closes its channel, so each has its own."""
    from aio_pika.exceptions import ChannelNotFoundEntity

    channel = await connection.channel()
    try:
        declared = await channel.declare_queue(queue, passive=True)
    except ChannelNotFoundEntity:
        return None
    await channel.close()
    return declared.declaration_result.message_count or 0


async def _kafka(broker: Kafka) -> AsyncIterator[Finding]:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaConnectionError, KafkaError

    if (trouble := await _no_kafka(broker.options)) is not None:
        yield trouble
        return
    admin = AIOKafkaAdminClient(**broker.options, request_timeout_ms=int(ANSWER * 1000))
    try:
        await admin.start()
        # Of all topics: to ask for one by its name would make it, where brokers make topics by themselves.
        topics = await admin.list_topics()
    except KafkaConnectionError:
        yield broken(
            "Kafka", "it answers, and cannot be asked for its topics",
            "See that its advertised.listeners are reached from here, and whether it wants SASL.",
        )  # fmt: skip
        return
    except (KafkaError, OSError) as error:
        yield broken(
            "Kafka", f"its topics cannot be listed ({type(error).__name__})", "Give our user leave to describe them."
        )
        return
    finally:
        await admin.close()
    if missing := [topic for topic in (broker.topic, broker.dead_letters) if topic not in topics]:
        yield warning(
            "Kafka", f"lets us in; of its topics it does not show us {' and '.join(missing)}",
            "Make them, with leave for our user, unless your brokers make topics by themselves.",
        )  # fmt: skip
    else:
        yield well("Kafka", f"lets us in; the topic {broker.topic} and its dead letters are there")


async def _no_kafka(options: dict[str, Any]) -> Finding | None:
    """What is in the way of a connection to the first broker that is reached; None if nothing is.

    aiokafka's clients say only that they could not begin, whatever the reason is.
    """
    from aiokafka.conn import collect_hosts, create_conn

    options = dict(options)
    trouble: Finding | None = None
    for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
        try:
            connection = await create_conn(host, port, request_timeout_ms=int(ANSWER * 1000), **options)
        except Exception as error:  # that of a wrong password depends on the broker, and may be any
            trouble = _why_not(error, f"{host}:{port}", options)
        else:
            connection.close()
            return None
    return trouble


def _why_not(error: Exception, address: str, options: dict[str, Any]) -> Finding:
    protocol = options["security_protocol"]
    if protocol.startswith("SASL") and not isinstance(error, OSError):
        told = f"{address} does not let us in ({type(error).__name__})"
        return broken(
            "Kafka", told, "Check JOURNEYMAN_KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD, and which port takes SASL."
        )
    if isinstance(error, TimeoutError) or not isinstance(error, OSError):
        told = f"{address} does not answer in {protocol} ({type(error).__name__})"
        return broken("Kafka", told, "Correct JOURNEYMAN_KAFKA_SECURITY_PROTOCOL, or the port.")
    tls = _tls(error, "Name its authority: JOURNEYMAN_KAFKA_SSL_CAFILE.", "Correct JOURNEYMAN_KAFKA_SECURITY_PROTOCOL.")
    advice = "Start it, or correct JOURNEYMAN_KAFKA."
    return broken("Kafka", *(tls or (f"{address} is not reached ({type(error).__name__})", advice)))


def _tls(error: Exception, authority: str, protocol: str) -> tuple[str, str] | None:
    """What went wrong with TLS, and what to do; None if it was something else."""
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not believed ({cause.verify_message})", f"{authority} Or correct the host."
    if isinstance(cause, ssl.SSLError):
        return "it does not speak TLS there", protocol
    return None
