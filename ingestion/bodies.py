"""How much of a request's body is read, and for how long."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from errors import EventError, EventTooLarge


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
