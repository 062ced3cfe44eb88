"""What Prometheus is told: what this process has counted, what waits in the database, and what in Temporal's queues."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from errors import NotAdmitted
from storage.database import UNREACHABLE, Database
from storage.gauges import Waiting, waiting

from .answers import refused
from .keys import Keys, write_key
from .local import is_local

Queues = Callable[[], Awaitable[Mapping[tuple[str, str], int]]]
"""Asks Temporal how many tasks wait, by task queue and kind; empty where it does not answer."""


def metrics_route(database: Database, keys: Keys, queues: Queues | None = None) -> Route:
    """`GET /metrics`, for this machine and for keys with the scope `metrics`."""

    async def metrics(request: Request) -> Response:
        try:
            if not is_local(request):
                await keys.admit(write_key(request.headers), "metrics")
            async with database.read() as connection:
                found = await waiting(connection, datetime.now(UTC))
        except NotAdmitted as error:
            return refused(error)
        except UNREACHABLE:
            # What is counted in the process is worth most when something is down.
            found = None
        backlogs = await queues() if queues is not None else {}
        text = generate_latest(REGISTRY) + generate_latest(_gauges(found, backlogs))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics, methods=["GET"])


def _gauges(found: Waiting | None, backlogs: Mapping[tuple[str, str], int]) -> CollectorRegistry:
    registry = CollectorRegistry()

    def gauge(name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"journeyman_{name}", told, labels, registry=registry)

    gauge("database_up", "Whether the database answers.").set(found is not None)
    if found is not None:
        gauge("relay_backlog", "Events that wait for Temporal.").set(found.unrouted)
        gauge("relay_lag_seconds", "Since when the first of them waits.").set(found.lag.total_seconds())
        gauge("events_set_aside", "Events that no attempt could route.").set(found.set_aside)
        ledger = gauge("ledger_open", "Messages whose fate is not settled.", "status")
        for status, count in found.ledger.items():
            ledger.labels(status).set(count)
    tasks = gauge("task_queue_backlog", "Tasks that wait for a worker.", "task_queue", "kind")
    for (queue, kind), count in backlogs.items():
        tasks.labels(queue, kind).set(count)
    return registry
