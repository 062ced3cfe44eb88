"""How a request's body is read: how much of it, for how long, and as what."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request

from errors import EventError, EventTooLarge

BATCH_LIMIT = 500 * 1024
"""Bytes of a body of events, unpacked."""


class BodyTooSlow(EventError):
    """A body that did not arrive in time; send it again."""

    reason = "slow"


class NameTwice(Exception):
    """An object with two values of the same name."""


class Arriving:
    """The bodies that are on their way, which together may hold so many bytes: the oldest gives way to the newer ones.

    Who sends slowly on purpose is always the oldest before long; an honest client is through in milliseconds.
    """

    def __init__(self, most: int = 64 * 1024 * 1024) -> None:
        self.most = most
        self.held = 0
        self._bodies: dict[asyncio.Timeout, int] = {}

    @contextmanager
    def admit(self, timeout: asyncio.Timeout) -> Iterator[Callable[[int], None]]:
        """One more body, whose reading `timeout` ends; to be told of each part's bytes."""
        self._bodies[timeout] = 0

        def grow(size: int) -> None:
            if timeout not in self._bodies:
                raise TimeoutError
            self._bodies[timeout] += size
            self.held += size
            while self.held > self.most:
                oldest = next(iter(self._bodies))
                self._release(oldest)
                if oldest is timeout:
                    raise TimeoutError
                if not oldest.expired():
                    oldest.reschedule(0)  # long ago

        try:
            yield grow
        finally:
            self._release(timeout)

    def _release(self, timeout: asyncio.Timeout) -> None:
        self.held -= self._bodies.pop(timeout, 0)


EVERYWHERE = Arriving()
"""Those of this process."""


async def read_body(request: Request, limit: int, patience: float, arriving: Arriving = EVERYWHERE) -> bytes:
    """The body of at most `limit` bytes, which may take `patience` seconds.

    EventTooLarge, before anything is read where the client says how much it will be; BodyTooSlow, also where it had to give
    way to others; EventError where it was cut short.
    """
    parts, size = [], 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(patience) as timeout:
            with arriving.admit(timeout) as grow:
                more = True
                while more:  # as request.stream() does it, for half of the time
                    message = await request.receive()
                    if message["type"] == "http.disconnect":
                        raise EventError("The body was cut short; send it again.")
                    part, more = message.get("body", b""), message.get("more_body", False)
                    size += len(part)
                    if size > limit:
                        raise _too_large(limit)
                    grow(len(part))
                    parts.append(part)
    except TimeoutError:
        raise BodyTooSlow("The body took too long; send it again.") from None
    return b"".join(parts)


def _too_large(limit: int) -> EventTooLarge:
    return EventTooLarge(f"The body is larger than {limit // 1024} kB; send less at once.")


def parse_body(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body, gzipped or not; EventError says what is wrong with it.

    The content type is not looked at: browsers post JSON as text/plain, and some clients label gzip as a form.
    """
    body = parse_json(raw)
    if not isinstance(body, dict):
        raise EventError('The body is not a JSON object; send the message itself, or {"batch": [...]}.')
    return body


def parse_json(raw: bytes) -> Any:
    """The same, where a body may be any JSON."""
    raw = unpacked(raw)
    try:
        return READER.decode(raw.decode("utf-8-sig"))
    except NameTwice:
        raise EventError("A name stands twice in one object of the body; send each once.") from None
    except (ValueError, RecursionError) as error:
        raise EventError("The body is not JSON; send one JSON object in UTF-8.") from error


def unpacked(raw: bytes) -> bytes:
    """The body itself, where it is gzipped; EventTooLarge where it is more than a body may hold."""
    if raw[:2] == b"\x1f\x8b":
        raw = _gunzip(raw)
    if len(raw) > BATCH_LIMIT:
        raise EventTooLarge(f"The body is larger than {BATCH_LIMIT // 1024} kB; send smaller batches.")
    return raw


def _gunzip(raw: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(raw, BATCH_LIMIT + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise EventError("The body begins like gzip but cannot be unpacked.") from error
    if len(plain) > BATCH_LIMIT:
        return plain
    if not stream.eof:
        raise EventError("The gzipped body is cut short; send it again.")
    if stream.unused_data:
        raise EventError("Something follows the end of the gzipped body; pack it as one piece.")
    return plain


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Half a microsecond each; which of two values a client meant nobody knows, and other programs read the other one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NameTwice
    return found


READER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
