"""One trace from an event to its message, and nobody in it."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from errors import SettingsError
from otlp import Traces
from settings import ROOT
from stack import TemporalServer
from tests.door import somebody
from tests.doubles.collector import Collector, Span
from tests.doubles.sendgrid import SendGridDouble
from tests.mailing import sendgrid_at
from tests.servers import wait_until
from tests.stage import Stage, staged
from tracing import traced

pytestmark = pytest.mark.server


class Traced:
    """A stack whose spans a collector gets."""

    def __init__(self, stage: Stage, collector: Collector, double: SendGridDouble) -> None:
        self.stage = stage
        self.collector = collector
        self.double = double


def trace_of(event_id: str) -> str:
    return hashlib.sha256(event_id.encode()).hexdigest()[:32]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


async def seen(collector: Collector, trace: str, *names: str) -> dict[str, Span]:
    """Wait until the trace has spans of these names; returns it by name."""
    await wait_until(lambda: {*names} <= {span.name for span in collector.trace(trace)}, 20)
    return {span.name: span for span in collector.trace(trace)}


async def test_from_event_to_provider(
    temporal: TemporalServer, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accept, relay, workflow, activity and the provider's call stand in one trace, each below what caused it, whose id
    comes of the event's; and in all that was sent nobody's id, name, address, token or words occur.

    Killed by: a random trace id in Traces.accepted or a parent without the event's ids in Traces._after; leaving out the
    interceptor in connect, the span in Departures.start or in Sender._hand_over; exporting spans without Discreet.
    """
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    user, event_id = f"canary-{somebody()}", "event-of-a-newcomer"
    async with traced(collector.url), SendGridDouble() as double, AsyncExitStack() as stack:
        channel = sendgrid_at(double.url, key=double.api_key)
        stack.push_async_callback(channel.close)
        database = f"sqlite:///{tmp_path / 'journeyman.db'}"
        stage = await stack.enter_async_context(
            staged(database, temporal.address, tmp_path, providers={"email": channel})
        )
        await stage.knows(user, firstName="Canarinia", birthday="1815-12-10")
        await stage.happens(stage.event(user, "File Downloaded", id=event_id, file_name="newcomer"))
        await stage.result("newcomer", user)
    names = ["accept", "relay start", "StartWorkflow:newcomer", "RunWorkflow:newcomer", "StartActivity:send"]
    names += ["RunActivity:send", "provider call"]
    found = await seen(collector, trace_of(event_id), *names)
    above = {span.id: span for span in collector.trace(trace_of(event_id))}
    chain = [found["provider call"]]
    while parent := above.get(chain[-1].parent):
        chain.append(parent)
    assert [span.name for span in reversed(chain)] == [name for name in names if name != "RunWorkflow:newcomer"]
    assert not chain[-1].parent
    assert above[found["RunWorkflow:newcomer"].parent].name == "StartWorkflow:newcomer"
    assert found["accept"].facts["journeyman.event"] == "File Downloaded"
    sent = {name.removeprefix("journeyman."): value for name, value in found["RunActivity:send"].facts.items()}
    assert {"temporalRunID", "temporalActivityID"} < sent.keys()
    assert (sent["journey"], sent["step"]) == ("newcomer", "email onboarding/welcome")
    assert (sent["channel"], sent["outcome"]) == ("email", "accepted")
    assert sent["seq"] == found["accept"].facts["journeyman.seq"] == found["relay start"].facts["journeyman.seq"]
    assert found["provider call"].facts["journeyman.provider"] == "sendgrid"
    assert found["provider call"].seconds > 0
    assert collector.paths == {"/v1/traces"}
    assert b"newcomer" in collector.raw
    for canary in (user, "canary", "Canarinia", "@example.com", "1815-12-10", event_id):
        assert canary.encode() not in collector.raw, canary


async def test_what_is_derived(
    temporal: TemporalServer, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cart's event that accept derives stands in the trace of what the shop sent, and what ends the journey in its own.

    Killed by: hashing the derived id as it is in ids_of; leaving out the span around Departures.cancel.
    """
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    user = somebody()
    database = f"sqlite:///{tmp_path / 'journeyman.db'}"
    async with traced(collector.url), staged(database, temporal.address, tmp_path) as stage:
        await stage.knows(user)
        products: dict[str, Any] = {"product_id": "p", "price": 30, "quantity": 1}
        await stage.happens(stage.event(user, "Product Added", id=f"{user}-added", cart_id="c", **products))
        await stage.happens(stage.event(user, "Order Completed", id=f"{user}-bought", cart_id="c", order_id="o"))
    started = await seen(collector, trace_of(f"{user}-added"), "accept", "relay start")
    assert started["relay start"].facts["journeyman.event"] == "Cart Updated"
    assert started["relay start"].parent == started["accept"].id
    ended = await seen(collector, trace_of(f"{user}-bought"), "accept", "relay end")
    assert ended["relay end"].facts["journeyman.journey"] == "cart_abandonment"
    assert user.encode() not in collector.raw


async def test_an_error(collector: Collector) -> None:
    """Of an error the name is told and never the text, whoever put it into the span.

    Killed by: exporting an exception's message or stack in otlp._bare, or the status as it is.
    """
    traces = Traces(collector.url)
    with pytest.raises(ValueError, match="canary"), traces.span("provider call", None, {"provider": "sendgrid"}):
        raise ValueError("canary@example.com")
    tracer = traces.interceptor().tracer
    with (
        pytest.raises(ValueError, match="canary"),
        tracer.start_as_current_span("library", attributes={"id": "canary"}),
    ):
        raise ValueError("canary@example.com")
    await asyncio.to_thread(traces.close)
    assert {span.name: span.error for span in collector.spans} == {
        "provider call": "ValueError",
        "library": "ValueError",
    }
    assert b"canary" not in collector.raw


async def test_not_asked_for() -> None:
    """Without a collector nothing of OpenTelemetry is imported by front door, relay and worker; what is none is named.

    Killed by: importing opentelemetry at the top of tracing.py.
    """
    program = "import sys, service, worker; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = await asyncio.to_thread(subprocess.check_output, [sys.executable, "-c", program], cwd=ROOT, timeout=60)
    assert done.decode().strip() == "[]"
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        async with traced("localhost:4317"):
            pass
