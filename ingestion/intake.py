"""How any door takes events: who sends them, what they say, stored, answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from errors import EventError, EventTooLarge, JourneymanError, NotAdmitted, TooBusy
from meters import ACCEPT, REFUSED
from storage.database import UNREACHABLE

from .accept import Acceptor
from .answers import problem, refused
from .bodies import BATCH_LIMIT, BodyTooSlow, parse_body, read_body, unpacked
from .browsers import limited
from .incoming import Incoming
from .keys import EVERYTHING, Keys, Scope, write_key
from .load import AFTER, Load
from .segment import Call

PATIENCE = 30.0
"""Seconds that a body may take to arrive."""
Parser = Callable[[bytes], Any]
"""What a body says, as JSON; EventError where it says nothing that can be read."""
Reader = Callable[[Any, Call], list[Incoming | EventError]]
"""How one kind of sender writes its events: each in order, or what is wrong with it; EventError where nothing can be read."""
Signature = Callable[[Mapping[str, str], bytes], bool]
"""Whether a sender that presents no key has signed these headers and this body."""
WAITING_EVENTS, WAITING_BYTES = 5000, 16 * 1024 * 1024
"""How much may wait for a commit, where the settings do not say."""
MOST_AT_ONCE = 1000
"""Messages in a batch."""
SENDERS: tuple[Scope, ...] = ("write", "browser")
"""Scopes with which events may be sent."""
DONE = b'{"success":true}'
UNSIGNED = "The signature does not fit: compare the shared secret on both sides."
log = structlog.get_logger()


class Intake:
    """Answers 200 only for what is committed."""

    def __init__(self, acceptor: Acceptor, keys: Keys, load: Load | None = None) -> None:
        self._acceptor = acceptor
        self._keys = keys
        self.load = load or Load(WAITING_EVENTS, WAITING_BYTES)

    async def take(
        self,
        request: Request,
        read: Reader,
        kind: str = "batch",
        signed: Signature | None = None,
        parse: Parser = parse_body,
    ) -> Response:
        """The events of one request; `kind` is the call of the Segment spec, `signed` stands in for a write key."""
        try:
            scopes = None
            if signed:
                scopes = EVERYTHING
            elif (key := write_key(request.headers)) is not None:
                scopes = await self._keys.admit(key, *SENDERS)  # before anything of the body is read
            raw = await read_body(request, BATCH_LIMIT, PATIENCE)
            if signed is not None and not signed(request.headers, raw):
                return problem(403, UNSIGNED, reason="signature")
            plain = unpacked(raw)
            with self.load.of_body(len(plain)):
                return await self._read(request, plain, read, kind, parse, scopes)
        except BodyTooSlow as error:
            return refused(error, {"Connection": "close"})
        except TooBusy as error:
            return refused(error, {"Retry-After": str(AFTER)})
        except (EventError, NotAdmitted) as error:
            return refused(error)
        except UNREACHABLE as error:
            log.warning("the database did not take an event", error=type(error).__name__)
            return problem(503, "Not stored; send it again in a moment.", {"Retry-After": "2"})
        except Exception as error:
            # Nothing was stored, so the client may keep it and try again; the type alone is logged, texts may name people.
            log.error("an event was not stored", error=type(error).__name__)
            return problem(503, "Not stored; send it again in a moment.", {"Retry-After": "2"})

    async def _read(
        self, request: Request, raw: bytes, read: Reader, kind: str, parse: Parser, scopes: frozenset[str] | None
    ) -> Response:
        """`scopes` are those of the sender; None where the body has to tell who it is."""
        body = parse(raw)
        carrier = body if isinstance(body, dict) else None
        _count(carrier.get("batch") if carrier else body)
        if scopes is None:
            scopes = await self._keys.admit(write_key(request.headers, carrier), *SENDERS)
        peer = request.client.host if request.client else None
        found = read(body, Call(kind, datetime.now(UTC), peer, dict(request.headers.items())))
        with self.load.of_events(len(found)), ACCEPT.time():
            return await self._store(found, trusted="write" in scopes)

    async def _store(self, found: list[Incoming | EventError], *, trusted: bool) -> Response:
        ignored: list[dict[str, Any]] = []
        if not trusted:
            found = _limited(found, ignored)
        good = [message for message in found if isinstance(message, Incoming)]
        stored = iter(await self._acceptor.accept(good))
        results: list[bool | JourneymanError] = [
            message if isinstance(message, EventError) else next(stored) for message in found
        ]
        errors = {place: result for place, result in enumerate(results) if isinstance(result, JourneymanError)}
        if errors and len(errors) == len(results):
            first = next(iter(errors.values()))
            return refused(first)
        if not errors and not ignored:
            return Response(DONE, media_type="application/json")
        answer: dict[str, Any] = {"success": True}
        if errors:
            for error in errors.values():
                REFUSED.labels(error.reason).inc()
            answer["rejected"] = [
                {"index": place, "error": str(error), "reason": error.reason} for place, error in errors.items()
            ]
        if ignored:
            answer["ignored"] = ignored
        return JSONResponse(answer)


def _count(batch: object) -> None:
    if isinstance(batch, list) and len(batch) > MOST_AT_ONCE:
        raise EventTooLarge(f"There are more than {MOST_AT_ONCE:,} messages in the batch; send less at once.")


def _limited(found: list[Incoming | EventError], ignored: list[dict[str, Any]]) -> list[Incoming | EventError]:
    """The same without what a page's key may not say; what was left out goes into `ignored`."""
    results: list[Incoming | EventError] = []
    for place, message in enumerate(found):
        try:
            less, left_out = limited(message) if isinstance(message, Incoming) else (message, ())
        except EventError as error:
            less, left_out = error, ()
        if left_out:
            ignored.append({"index": place, "fields": [*left_out]})
        results.append(less)
    return results
