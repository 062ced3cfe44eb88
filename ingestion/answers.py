"""What every door answers where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from errors import (
    EventConflict,
    EventError,
    EventNotPermitted,
    EventTooLarge,
    JourneymanError,
    NotAdmitted,
    NotPermitted,
    TooBusy,
)
from meters import REFUSED

from .bodies import BodyTooSlow

STATUSES: Mapping[type[JourneymanError], int] = {
    BodyTooSlow: 408,
    EventTooLarge: 413,
    EventConflict: 409,
    EventNotPermitted: 403,
    EventError: 400,
    NotPermitted: 403,
    NotAdmitted: 401,
    TooBusy: 429,
}


def problem(status: int, message: str, headers: Mapping[str, str] | None = None, *, reason: str = "") -> Response:
    """One sentence that says what to do; `reason` is one word for programs."""
    REFUSED.labels(reason or str(status)).inc()
    body = {"success": False, "error": message} | ({"reason": reason} if reason else {})
    return JSONResponse(body, status, headers)


def refused(error: JourneymanError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says what this error says."""
    return problem(status_of(error), str(error), headers, reason=error.reason)


def status_of(error: JourneymanError) -> int:
    """The HTTP status that says the same as this error."""
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 400)
