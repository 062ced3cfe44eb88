"""A collector of traces on the loopback: it takes OTLP over HTTP and reads the protobuf."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.doubles.listening import Listening, Request


@dataclass(frozen=True)
class Span:
    """One span as it came."""

    name: str
    trace: str
    id: str
    parent: str
    seconds: float
    error: str
    facts: dict[str, str] = field(default_factory=dict)


class Collector(Listening):
    """`async with` it; `spans` are all that came, `raw` is every byte of them."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = b""
        self.paths: set[str] = set()
        self.spans: list[Span] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace."""
        return [span for span in self.spans if span.trace == trace_id]

    async def request(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        self.paths.add(request.path)
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        self.raw += body
        self.spans += _spans(ExportTraceServiceRequest.FromString(body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        return True


def _spans(message: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                facts = {each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes}
                yield Span(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    span.status.message,
                    facts,
                )
