"""Whether it is traced how an event becomes a message, and by which words the code says what it is doing.

Without a collector nothing is imported for it, and each of these calls returns at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from errors import SettingsError

if TYPE_CHECKING:
    from otlp import Traces

_NOTHING: AbstractContextManager[None] = nullcontext()
_traces: Traces | None = None


class Accepted(Protocol):
    """What is told of an event that was committed."""

    event_id: str
    name: str
    received_at: datetime
    seq: int


@asynccontextmanager
async def traced(collector: str) -> AsyncIterator[None]:
    """Send traces to this OTLP/HTTP collector, if there is one, until the end; what is left then is sent first."""
    global _traces
    if not collector:
        yield
        return
    if not collector.startswith(("http://", "https://")):
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT: expected a collector's address for OTLP over HTTP, as http://localhost:4318."
        )
    try:
        from otlp import Traces
    except ModuleNotFoundError:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and what sends traces is not installed: pip install '.[tracing]'"
        ) from None
    _traces = traces = Traces(collector)
    try:
        yield
    finally:
        _traces = None
        await asyncio.to_thread(traces.close)


def interceptors() -> list[Any]:
    """What makes a Temporal client, and the workers that use it, carry the trace on."""
    return [] if _traces is None else [_traces.interceptor()]


def accepted(events: Iterable[Accepted]) -> None:
    """These events were committed, and journeys may care: their traces begin, at the moment each was received."""
    if _traces is not None:
        _traces.accepted(events)


def span(name: str, event_id: str | None = None, **facts: str | int | None) -> AbstractContextManager[None]:
    """What happens within belongs to this event's trace, or without one to what is being done. Facts name code, nobody."""
    return _NOTHING if _traces is None else _traces.span(name, event_id, facts)


def note(**facts: str | int | None) -> None:
    """Say more of what is being done."""
    if _traces is not None:
        _traces.note(facts)
