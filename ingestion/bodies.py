"""How a request's body is read: how much of it, for how long, and as what."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

from starlette.requests import ClientDisconnect, Request

from errors import EventError, EventTooLarge

BATCH_LIMIT = 500 * 1024
"""Bytes of a body of events, unpacked."""


class BodyTooSlow(EventError):
    """A body that did not arrive in time; send it again."""


async def read_body(request: Request, limit: int, patience: float) -> bytes:
    """The body of at most `limit` bytes, which may take `patience` seconds.

    EventTooLarge, BodyTooSlow, or EventError where it was cut short.
    """
    parts, size = [], 0
    try:
        async with asyncio.timeout(patience):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise EventTooLarge(f"The body is larger than {limit // 1024} kB; send less at once.")
                parts.append(part)
    except TimeoutError:
        raise BodyTooSlow("The body took too long; send it again.") from None
    except ClientDisconnect:
        raise EventError("The body was cut short; send it again.") from None
    return b"".join(parts)


def parse_body(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body, gzipped or not; EventError says what is wrong with it.

    The content type is not looked at: browsers post JSON as text/plain, and some clients label gzip as a form.
    """
    if raw[:2] == b"\x1f\x8b":
        raw = _gunzip(raw)
    if len(raw) > BATCH_LIMIT:
        raise EventTooLarge(f"The body is larger than {BATCH_LIMIT // 1024} kB; send smaller batches.")
    try:
        body = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise EventError("The body is not JSON; send one JSON object in UTF-8.") from error
    if not isinstance(body, dict):
        raise EventError('The body is not a JSON object; send the message itself, or {"batch": [...]}.')
    return body


def _gunzip(raw: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(raw, BATCH_LIMIT + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise EventError("The body begins like gzip but cannot be unpacked.") from error
    if not stream.eof and len(plain) <= BATCH_LIMIT:
        raise EventError("The gzipped body is cut short; send it again.")
    return plain


def _no_constant(name: str) -> None:
    raise ValueError(name)
