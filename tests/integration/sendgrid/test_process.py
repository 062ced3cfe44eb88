"""The double in a process of its own does what the one in ours does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette

from errors import InDoubt, ProviderError, Refused
from ingestion.deliveries import Deliveries
from ingestion.sendgrid_webhook import PATH, sendgrid_webhook
from ingestion.signature import WebhookKey
from tests.door import Door, opened_door, somebody
from tests.doubles.sendgrid_client import SendGridProcess
from tests.mailing import envelope, sendgrid_at
from tests.reporting import ADDRESSES
from tests.servers import free_port, wait_until


@pytest_asyncio.fixture
async def sendgrid() -> AsyncIterator[SendGridProcess]:
    """The process."""
    async with SendGridProcess() as process:
        yield process


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """Accept over an empty database."""
    async with opened_door(f"sqlite:///{tmp_path / 'journeyman.db'}") as door:
        yield door


@pytest_asyncio.fixture
async def webhook(sendgrid: SendGridProcess, door: Door) -> AsyncIterator[str]:
    """Where the process can post webhooks to: our door, really served."""
    taking = Deliveries(door.database, door.acceptor, ADDRESSES, front_door="http://localhost")
    app = Starlette(routes=[sendgrid_webhook(taking, WebhookKey(sendgrid.public_key))])
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", access_log=False, lifespan="off"))
    serving = asyncio.create_task(server._serve())  # without its signal handlers, which are the test run's
    await wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{port}{PATH}"
    server.should_exit = True
    await serving


async def test_scripted(sendgrid: SendGridProcess) -> None:
    """What another process scripts and mixes becomes of the calls, and it is counted by send_key."""
    channel = sendgrid_at(sendgrid.url, call_timeout=2)
    outcomes: list[type[ProviderError] | None] = []
    await sendgrid.script("refuse", {"behaviour": "error_after_accept", "after": 0.1})
    for number in range(3):
        try:
            await channel.send(envelope(f"key-{number}"))
            outcomes.append(None)
        except ProviderError as error:
            outcomes.append(type(error))
    assert outcomes == [Refused, InDoubt, None]
    await sendgrid.mix({"server_error": 1.0}, seed=7)
    with pytest.raises(InDoubt):
        await channel.send(envelope("key-3"))
    await channel.close()
    state = await sendgrid.state()
    assert state["accepted"] == {"key-1": 1, "key-2": 1}
    assert state["calls"] == 4
    assert state["behaviours"] == {"refuse": 1, "delayed_error_after_accept": 1, "accept": 1, "server_error": 1}


async def test_telling(sendgrid: SendGridProcess, webhook: str, door: Door) -> None:
    """It tells by itself what becomes of each message, and what it is asked to tell, to our real door."""
    await sendgrid.webhooks(webhook, words=["processed", "delivered"], repeats=3, shuffled=True, late=0.05)
    channel = sendgrid_at(sendgrid.url)
    keys = [somebody() for _ in range(5)]
    await asyncio.gather(*(channel.send(envelope(key)) for key in keys))
    await channel.close()

    async def told() -> bool:
        return not (await sendgrid.state())["telling"]

    await wait_until(told)
    await sendgrid.tell("open", "machine_open", "click")
    await sendgrid.tell("unsubscribe", send_keys=keys[:1])
    assert (await sendgrid.state())["told"] == {"200": (5 * 2 + 5 * 3 + 1) * 3}
    everything = await door.everything()
    for key in keys:
        assert everything.count(f'"{key}"') == 5 + (key == keys[0])
