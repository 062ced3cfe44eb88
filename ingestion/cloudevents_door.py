"""How CloudEvents come over HTTP: in structured, batched and binary mode (HTTP protocol binding 1.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from errors import EventError

from .bodies import parse_json
from .cloudevents import cloud_events, from_binary
from .intake import Intake

PREFIX = "ce-"
ESCAPED = re.compile(r"\\(.)")


def cloudevents_routes(intake: Intake) -> list[Route]:
    """`POST /v1/events`."""

    async def door(request: Request) -> Response:
        return await intake.take(request, cloud_events, parse=partial(_parse, request.headers))

    return [Route("/v1/events", door, methods=["POST"])]


def _parse(headers: Mapping[str, str], raw: bytes) -> Any:
    """The event, or the batch, in the JSON format."""
    content_type = headers.get("content-type", "")
    media = content_type.partition(";")[0].strip().lower()
    if media.startswith("application/cloudevents"):
        if not media.endswith("+json"):
            raise EventError("Content-Type: this door reads the JSON format, application/cloudevents+json.")
        return parse_json(raw)
    if f"{PREFIX}specversion" not in headers:
        return parse_json(raw)  # An event in the JSON format that is called plain JSON, as many senders do.
    attributes = {
        name.removeprefix(PREFIX): _decoded(name, value) for name, value in headers.items() if name.startswith(PREFIX)
    }
    return from_binary(attributes, content_type, raw)


def _decoded(name: str, value: str) -> str:
    """The text of a header: out of its quotes, if it has any, and percent-decoded once (section 3.1.3.2)."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = ESCAPED.sub(r"\1", value[1:-1])
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise EventError(f"{name}: not UTF-8 when its percent signs are decoded.") from None
