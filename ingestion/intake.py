"""How any door takes events: who sends them, what they say, stored, answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from errors import EventError, JourneymanError
from storage.database import UNREACHABLE

from .accept import Acceptor
from .answers import problem, status_of
from .bodies import BATCH_LIMIT, BodyTooSlow, parse_body, read_body
from .incoming import Incoming
from .keys import WRONG_KEY, Keys, write_key
from .segment import Call

PATIENCE = 30.0
"""Seconds that a body may take to arrive."""
Reader = Callable[[dict[str, Any], Call], list[Incoming | EventError]]
"""How one kind of sender writes its events: each in order, or what is wrong with it; EventError where nothing can be read."""
Signature = Callable[[Mapping[str, str], bytes], bool]
"""Whether a sender that presents no key has signed these headers and this body."""
log = structlog.get_logger()


class Intake:
    """Answers 200 only for what is committed."""

    def __init__(self, acceptor: Acceptor, keys: Keys) -> None:
        self._acceptor = acceptor
        self._keys = keys

    async def take(
        self, request: Request, read: Reader, kind: str = "batch", signed: Signature | None = None
    ) -> Response:
        """The events of one request; `kind` is the call of the Segment spec, `signed` stands in for a write key."""
        try:
            raw = await read_body(request, BATCH_LIMIT, PATIENCE)
            if signed is not None and not signed(request.headers, raw):
                return problem(403, "The signature does not fit: compare the shared secret on both sides.")
            body = parse_body(raw)
            if signed is None and not self._keys.lets_in(write_key(request.headers, body)):
                return problem(401, WRONG_KEY)
            peer = request.client.host if request.client else None
            return await self._store(read(body, Call(kind, datetime.now(UTC), peer, dict(request.headers))))
        except BodyTooSlow as error:
            return problem(408, str(error), {"Connection": "close"})
        except EventError as error:
            return problem(status_of(error), str(error))
        except UNREACHABLE as error:
            log.warning("the database did not take an event", error=type(error).__name__)
            return problem(503, "Not stored; send it again in a moment.", {"Retry-After": "2"})
        except Exception as error:
            # Nothing was stored, so the client may keep it and try again; the type alone is logged, texts may name people.
            log.error("an event was not stored", error=type(error).__name__)
            return problem(503, "Not stored; send it again in a moment.", {"Retry-After": "2"})

    async def _store(self, found: list[Incoming | EventError]) -> Response:
        good = [message for message in found if isinstance(message, Incoming)]
        stored = iter(await self._acceptor.accept(good))
        results: list[bool | JourneymanError] = [
            message if isinstance(message, EventError) else next(stored) for message in found
        ]
        errors = {place: result for place, result in enumerate(results) if isinstance(result, JourneymanError)}
        if errors and len(errors) == len(results):
            first = next(iter(errors.values()))
            return problem(status_of(first), str(first))
        answer: dict[str, Any] = {"success": True}
        if errors:
            answer["rejected"] = [{"index": place, "error": str(error)} for place, error in errors.items()]
        return JSONResponse(answer)
