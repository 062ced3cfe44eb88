"""What both doors for in-app messages take and give: messages and their ids as JSON, and what is answered to what is wrong."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from errors import EventError, NotAdmitted
from storage.database import UNREACHABLE
from storage.inbox import InAppMessage

from .answers import problem, refused
from .bodies import read_body

MOST = 100
"""Messages that are given, and ids that are taken, at once."""
LONGEST_ID = 200
BODY_LIMIT = 32 * 1024
PATIENCE = 10.0
"""Seconds that a body may take to arrive."""
NO_STORE = {"Cache-Control": "no-store"}
"""No cache may keep what a person was given."""
IDS = '{"ids": [...]}'
CLOSED = "The token is missing, wrong or has expired; your backend gets one with POST /v1/inbox/{user_id}/token."
Act = Callable[[Request], Awaitable[Response]]
log = structlog.get_logger()


class NoPass(Exception):
    """The request shows no token that opens an inbox."""


def guarded(act: Act, what: str = "The inbox") -> Act:
    """The same, with an answer for whatever goes wrong; `what` cannot be opened then."""

    async def door(request: Request) -> Response:
        try:
            return await act(request)
        except NoPass:
            return problem(401, CLOSED, {"WWW-Authenticate": "Bearer"})
        except (EventError, NotAdmitted) as error:
            return refused(error)
        except Exception as error:
            # The type alone is logged, texts may name people.
            level = log.warning if isinstance(error, UNREACHABLE) else log.error
            level(f"{what.lower()} could not be opened", error=type(error).__name__)
            return problem(503, f"{what} cannot be opened; try again in a moment.", {"Retry-After": "2"})

    return door


async def body_of(request: Request, example: str, *, or_nothing: bool = False) -> dict[str, Any]:
    """The JSON object of the body; EventError, with the example of what to send, where it is none."""
    raw = await read_body(request, BODY_LIMIT, PATIENCE)
    if or_nothing and not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise EventError(f"The body is not JSON; send {example} in UTF-8.") from None
    if not isinstance(body, dict):
        raise EventError(f"The body is not a JSON object; send {example}.")
    return body


def ids_of(body: dict[str, Any]) -> list[str]:
    """The messages' ids under "ids"."""
    ids = body.get("ids")
    if not isinstance(ids, list) or len(ids) > MOST:
        raise EventError(f"ids: expected a list of at most {MOST} messages' ids.")
    if not all(isinstance(one, str) and len(one) <= LONGEST_ID and one.isprintable() for one in ids):
        raise EventError("ids: each is a text, as the inbox gives it.")
    return ids


def done(ids: list[str], own: Collection[str]) -> Response:
    """The answer to something that was done with those of these messages that are the person's `own`."""
    strange = [place for place, one in enumerate(ids) if one not in own]
    if strange and not own:
        return problem(404, "ids: none of them is an in-app message of this person.")
    answer: dict[str, Any] = {"success": True}
    if strange:
        answer["rejected"] = [
            {"index": place, "error": "This is no in-app message of this person."} for place in strange
        ]
    return JSONResponse(answer)


def listed(messages: list[InAppMessage]) -> Response:
    """These messages, in this order."""
    return JSONResponse({"messages": [_written(message) for message in messages]}, headers=NO_STORE)


def sse(message: InAppMessage) -> bytes:
    """One message as a server-sent event: ASCII, since some readers take more signs than the standard's for the end of a line."""
    told = json.dumps(_written(message), separators=(",", ":"))
    return f"id: {message.id}\ndata: {told}\n\n".encode()


def _written(message: InAppMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "template": message.template,
        **vars(message.card),
        "sent_at": message.sent_at.isoformat(),
        "expires_at": message.expires_at and message.expires_at.isoformat(),
        "read_at": message.read_at and message.read_at.isoformat(),
    }
