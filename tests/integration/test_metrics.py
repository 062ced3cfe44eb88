"""What Prometheus is told by a running stack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from errors import SettingsError
from service import Service, serving
from stack import TemporalServer
from tests.door import somebody
from tests.doubles.sendgrid import SendGridDouble
from tests.mailing import sendgrid_at
from tests.servers import free_port
from tests.stage import Stage, staged
from worker import telling

Figures = dict[str, float]
pytestmark = pytest.mark.server


def figures(text: str) -> Figures:
    """Every sample, as name{label=value,…}."""
    return {
        sample.name + ("{" + ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items())) + "}"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }  # fmt: skip


class Watched:
    """A served stack, and what it tells Prometheus."""

    def __init__(self, stage: Stage, http: httpx.AsyncClient) -> None:
        self.stage = stage
        self.http = http

    async def told(self) -> Figures:
        answer = await self.http.get("/metrics")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert "@example.com" not in answer.text
        return figures(answer.text)

    async def post(self, **message: object) -> int:
        return (await self.http.post("/v1/track", json=message, headers={"Authorization": "Bearer wk"})).status_code


@pytest.fixture
async def watched(database_url: str, temporal: TemporalServer, tmp_path: Path) -> AsyncIterator[Watched]:
    async with SendGridDouble() as double, AsyncExitStack() as stack:
        channel = sendgrid_at(double.url, key=double.api_key)
        stack.push_async_callback(channel.close)
        changes: dict[str, Any] = {"port": free_port(), "write_keys": "wk"}
        stage = await stack.enter_async_context(
            staged(database_url, temporal.address, tmp_path, providers={"email": channel}, **changes)
        )
        service = Service(stage.settings, stage.database, stage.client, stage.catalogue, stage.acceptor, stage.relay)
        await stack.enter_async_context(serving(service))
        http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{stage.settings.port}", trust_env=False)
        yield Watched(stage, await stack.enter_async_context(http))


@pytest.fixture
def user() -> str:
    return somebody()


async def test_events(watched: Watched, user: str) -> None:
    """New, known and refused events are counted, and so is what waits for Temporal.

    Killed by: not counting in Acceptor.accept, or in answers.problem.
    """
    before = await watched.told()
    event = {"messageId": f"{user}-1", "userId": user, "event": "Help Article Read"}
    assert [await watched.post(**event) for _ in range(2)] == [200, 200]
    assert await watched.post(**event, properties={"other": 1}) == 409
    assert await watched.post(userId=user) == 400
    after = await watched.told()
    more = {name: after[name] - before.get(name, 0) for name in after}
    assert more["journeyman_events_total{outcome=new}"] == 1
    assert more["journeyman_events_total{outcome=known}"] == 1
    assert more["journeyman_refused_total{reason=conflict}"] == 1
    assert more["journeyman_refused_total{reason=invalid}"] == 1
    assert more["journeyman_accept_seconds_count{}"] >= 2
    assert after["journeyman_relay_backlog{}"] == after["journeyman_events_set_aside{}"] == 0
    assert after["journeyman_database_up{}"] == 1


async def test_sends(watched: Watched, user: str) -> None:
    """A message is counted by its journey, and one that nothing had to wait for by how long it took from its event.

    Killed by: not observing in Sender._observe, or not counting in Sender.send.
    """
    before = await watched.told()
    await watched.stage.knows(user, birthday="1815-12-10")
    await watched.stage.happens(watched.stage.event(user, "File Downloaded", file_name="newcomer"))
    await watched.stage.sent(user)
    await watched.stage.result("newcomer", user)
    after = await watched.told()
    more = {name: after[name] - before.get(name, 0) for name in after if "newcomer" in name or "sendgrid" in name}
    assert more["journeyman_sends_total{channel=email,journey=newcomer,outcome=accepted}"] == 1
    assert more["journeyman_provider_call_seconds_count{provider=sendgrid}"] == 1
    assert more["journeyman_event_to_provider_seconds_count{journey=newcomer}"] == 1
    assert more["journeyman_event_to_provider_seconds_bucket{journey=newcomer,le=30.0}"] == 1
    assert after["journeyman_events_routed_total{}"] > before["journeyman_events_routed_total{}"]
    queue = watched.stage.settings.task_queue
    assert after[f"journeyman_task_queue_backlog{{kind=workflow,task_queue={queue}}}"] == 0


async def test_from_elsewhere(watched: Watched) -> None:
    """From another machine figures are told to a key with the scope `metrics` alone."""
    asked = {"X-Forwarded-For": "203.0.113.9"}
    assert (await watched.http.get("/metrics", headers=asked)).status_code == 401
    assert (await watched.http.get("/metrics", headers={**asked, "Authorization": "Bearer wk"})).status_code == 200


async def test_of_a_worker() -> None:
    """A process without a front door serves what it counts where it is told to, until it ends; a taken port is named."""
    address = f"127.0.0.1:{free_port()}"
    async with telling(address), httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://{address}/metrics")
        assert "journeyman_provider_call_seconds" in answer.text
        with pytest.raises(SettingsError, match="JOURNEYMAN_METRICS"):
            async with telling(address):
                pass
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(*address.split(":"))
