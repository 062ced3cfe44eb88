"""How a body is read, and what is said of one that is too large, too slow or cut short."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from errors import EventError, EventTooLarge
from ingestion.bodies import BodyTooSlow, read_body


def request(*parts: bytes, then: str = "end") -> Request:
    """A POST whose body comes in these parts, and then ends, is cut, or never does."""
    coming: list[dict[str, Any]] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if then != "silence":
        coming.append({"end": {"type": "http.request"}, "cut": {"type": "http.disconnect"}}[then])

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop(0)

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


async def test_whole() -> None:
    """A body up to the limit is read whole."""
    assert await read_body(request(b"ab", b"cd"), 4, 5) == b"abcd"
    assert await read_body(request(), 4, 5) == b""


async def test_too_large() -> None:
    """One byte more is refused as soon as it is there."""
    with pytest.raises(EventTooLarge, match="larger than 1 kB"):
        await read_body(request(b"a" * 1000, b"a" * 25, then="silence"), 1024, 5)


async def test_too_slow() -> None:
    """A body that does not come to its end is not waited for."""
    with pytest.raises(BodyTooSlow, match="send it again"):
        await read_body(request(b"ab", then="silence"), 4, 0.01)


async def test_cut() -> None:
    """A body that is cut short is an error of the one who sends it."""
    with pytest.raises(EventError, match="cut short"):
        await read_body(request(b"ab", then="cut"), 4, 5)
