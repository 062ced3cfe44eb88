"""How traces leave this process: under ids made of the event's own, and with names of code alone.

An event's trace goes through the database without a column of its own: whoever knows the event knows its trace.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from temporalio.contrib.opentelemetry import TracingInterceptor

import events
from tracing import Accepted

OURS = "journeyman."
TOLD = frozenset({"temporalRunID", "temporalActivityID"})
"""What is told of Temporal's own attributes: not the workflow id, in which the user's stands."""
KINDS = {"accept": SpanKind.SERVER, "provider call": SpanKind.CLIENT}
DERIVED = re.compile(r":(cart(:\d+)?|zone|date:[^:]*)$")
"""How the ids end of events that accept has made of another one; they belong to its trace."""
_given: ContextVar[tuple[int, int] | None] = ContextVar("given", default=None)


def ids_of(event_id: str) -> tuple[int, int]:
    """Trace and first span of an event; the same in every process."""
    digest = hashlib.sha256(DERIVED.sub("", event_id).encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])


class Traces:
    """Spans of this process, sent in the background; one that cannot be sent is dropped."""

    def __init__(self, collector: str) -> None:
        # OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and OTEL_EXPORTER_OTLP_HEADERS are read by the library.
        resource = Resource({"service.name": "journeyman"}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{collector.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
        self._tracer = self._provider.get_tracer("journeyman")
        self._names = events.Event.kinds()

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def interceptor(self) -> TracingInterceptor:
        """For a Temporal client; a workflow gets a span where what started it has one."""
        return TracingInterceptor(self._tracer)

    def accepted(self, committed: Iterable[Accepted]) -> None:
        """Begin the trace of each; of several that came of one message, one."""
        begun: set[tuple[int, int]] = set()
        for event in committed:
            if (ids := ids_of(event.event_id)) in begun:
                continue
            begun.add(ids)
            token = _given.set(ids)
            try:
                start = int(event.received_at.timestamp() * 1e9)
                facts = {"event": self._known(event.name), "seq": event.seq}
                self._tracer.start_span("accept", Context(), KINDS["accept"], _named(facts), start_time=start).end()
            finally:
                _given.reset(token)

    @contextmanager
    def span(self, name: str, event_id: str | None, facts: Mapping[str, str | int | None]) -> Iterator[None]:
        """A span around the block; of an error in it only the name is told."""
        with self._tracer.start_as_current_span(
            name,
            context=None if event_id is None else self._after(event_id),
            kind=KINDS.get(name, SpanKind.INTERNAL),
            attributes=_named(facts),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def note(self, facts: Mapping[str, str | int | None]) -> None:
        get_current_span().set_attributes(_named(facts))

    def _after(self, event_id: str) -> Context:
        """Whether its trace is sampled is decided anew, and as at its beginning: by the trace's id."""
        trace_id, span_id = ids_of(event_id)
        sampled = (
            self._provider.sampler.should_sample(Context(), trace_id, "accept").decision is Decision.RECORD_AND_SAMPLE
        )
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        beginning = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        return set_span_in_context(NonRecordingSpan(beginning), Context())

    def _known(self, name: str) -> str | None:
        return name if name in self._names else None


class _Ids(RandomIdGenerator):
    """Random ids, except for the first span of an event."""

    def generate_trace_id(self) -> int:
        given = _given.get()
        return given[0] if given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        given = _given.get()
        return given[1] if given else super().generate_span_id()


class Discreet(SpanExporter):
    """Lets names of code through and no more: neither texts of errors, nor ids of people, whoever has put them into a span."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_bare(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _bare(span: ReadableSpan) -> ReadableSpan:
    found = span.attributes or {}
    told = {name: value for name, value in found.items() if name in TOLD or name.startswith(OURS)}
    status = span.status
    if status.description:
        status = Status(status.status_code, status.description.partition(":")[0])
    return ReadableSpan(
        span.name,
        span.context,
        span.parent,
        span.resource,
        told,
        [Event(each.name, _kind_of(each.attributes), each.timestamp) for each in span.events],
        [Link(each.context) for each in span.links],
        span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _kind_of(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (attributes or {}).items() if name == "exception.type"}


def _named(facts: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {OURS + name: value for name, value in facts.items() if value is not None}
