"""What every door answers where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from errors import EventConflict, EventTooLarge, JourneymanError


def problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """One sentence that says what to do."""
    return JSONResponse({"success": False, "error": message}, status, headers)


def status_of(error: JourneymanError) -> int:
    """The HTTP status that says the same as this error."""
    return 413 if isinstance(error, EventTooLarge) else 409 if isinstance(error, EventConflict) else 400
