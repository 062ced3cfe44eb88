"""How a body is read, and what is said of one that is too large, too slow or cut short."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from errors import EventError, EventTooLarge
from ingestion.bodies import Arriving, BodyTooSlow, read_body


def request(*parts: bytes, then: str = "end", announced: str = "") -> Request:
    """A POST whose body comes in these parts, and then ends, is cut, or never does."""
    coming: list[dict[str, Any]] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if then != "silence":
        coming.append({"end": {"type": "http.request"}, "cut": {"type": "http.disconnect"}}[then])

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop(0)

    headers = [(b"content-length", announced.encode())] if announced else []
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def test_whole() -> None:
    """A body up to the limit is read whole."""
    assert await read_body(request(b"ab", b"cd"), 4, 5) == b"abcd"
    assert await read_body(request(), 4, 5) == b""


async def test_too_large() -> None:
    """One byte more is refused as soon as it is there."""
    with pytest.raises(EventTooLarge, match="larger than 1 kB"):
        await read_body(request(b"a" * 1000, b"a" * 25, then="silence"), 1024, 5)


async def test_announced_too_large() -> None:
    """A body that is announced to be larger is refused before any of it has come.

    Killed by: not looking at Content-Length in read_body.
    """
    with pytest.raises(EventTooLarge, match="larger than 1 kB"):
        await read_body(request(then="silence", announced="1025"), 1024, 5)
    assert await read_body(request(b"a" * 1024, announced="1024"), 1024, 5)


async def test_the_oldest_gives_way() -> None:
    """When the bodies on their way hold more than they may, the oldest is given up and the newer ones are read to the end.

    Killed by: giving up the newest in Arriving.admit, or not counting what has been read when a body is through.
    """
    arriving = Arriving(10)
    slow = [asyncio.create_task(read_body(request(b"a" * 4, then="silence"), 9, 60, arriving)) for _ in range(2)]
    await asyncio.sleep(0)
    assert await read_body(request(b"b" * 4), 9, 60, arriving) == b"b" * 4
    with pytest.raises(BodyTooSlow):
        await asyncio.wait_for(slow[0], 5)
    assert not slow[1].done()
    for _ in range(10):
        assert await read_body(request(b"b" * 5), 9, 60, arriving) == b"b" * 5
    assert not slow[1].done()
    slow[1].cancel()
    with pytest.raises(BodyTooSlow):
        await read_body(request(b"c" * 11), 20, 60, Arriving(10))


async def test_too_slow() -> None:
    """A body that does not come to its end is not waited for."""
    with pytest.raises(BodyTooSlow, match="send it again"):
        await read_body(request(b"ab", then="silence"), 4, 0.01)


async def test_cut() -> None:
    """A body that is cut short is an error of the one who sends it."""
    with pytest.raises(EventError, match="cut short"):
        await read_body(request(b"ab", then="cut"), 4, 5)
