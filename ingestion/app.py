"""The front door over HTTP: what tracking clients post, and the pages that people open."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Row
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from errors import EventConflict, EventError, EventTooLarge, JourneymanError, PartDied, SettingsError
from messages import RenderedCall, RenderedCard, RenderedEmail
from storage.database import UNREACHABLE, Database
from storage.ledger import kept
from storage.routing import backlog

from .accept import Acceptor
from .bodies import BodyTooSlow, read_body
from .incoming import Incoming
from .life import Life
from .outbox_page import OutboxMessage, outbox_page
from .segment import BATCH_LIMIT, Call, messages, parse_body, write_key

ALIASES = {
    "track": ("track", "t"),
    "identify": ("identify", "i"),
    "page": ("page", "p"),
    "screen": ("screen", "s"),
    "group": ("group", "g"),
    "alias": ("alias", "a"),
    "batch": ("batch", "b", "import"),
}
"""The paths below /v1 that Segment's and RudderStack's clients use for each call."""
LOOPBACK = frozenset({"127.0.0.1", "::1"})
"""Addresses of this machine; a proxy in front says in X-Forwarded-For whom it speaks for."""
WRONG_KEY = "The write key is missing or wrong; use the one that `python starter.py key` prints."
PATIENCE = 30.0
"""Seconds that a body may take to arrive."""
log = structlog.get_logger()


class FrontDoor:
    """Answers 200 only for what is committed."""

    def __init__(
        self, acceptor: Acceptor, database: Database, write_keys: frozenset[str], lives: Iterable[Life] = ()
    ) -> None:
        """`lives` are the parts of this process that `/health` answers for."""
        self._acceptor = acceptor
        self._database = database
        self._lives = tuple(lives)
        self._write_keys = [key.encode() for key in write_keys if key]

    def app(self, *others: BaseRoute) -> Starlette:
        """The ASGI application; `others` are routes to serve beside the front door's own."""
        doors = [
            Route(f"/v1/{path}", self._door(kind), methods=["POST"])
            for kind, paths in ALIASES.items()
            for path in paths
        ]
        pages = [
            Route("/", self.outbox, methods=["GET"]),
            Route("/outbox", self.outbox, methods=["GET"]),
            Route("/health", self.health),
        ]
        return Starlette(routes=[*doors, *pages, *others])

    def _door(self, kind: str) -> Any:
        async def door(request: Request) -> Response:
            return await self.take(request, kind)

        return door

    async def take(self, request: Request, kind: str) -> Response:
        """One call of a tracking client."""
        try:
            body = parse_body(await read_body(request, BATCH_LIMIT, PATIENCE))
            if not self.lets_in(write_key(request.headers, body)):
                return problem(401, WRONG_KEY)
            peer = request.client.host if request.client else None
            call = Call(kind, datetime.now(UTC), peer, dict(request.headers))
            return await self._store(messages(body, call))
        except BodyTooSlow as error:
            return problem(408, str(error), {"Connection": "close"})
        except EventError as error:
            return problem(_status(error), str(error))
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
            return problem(_status(first), str(first))
        answer: dict[str, Any] = {"success": True}
        if errors:
            answer["rejected"] = [{"index": place, "error": str(error)} for place, error in errors.items()]
        return JSONResponse(answer)

    async def outbox(self, request: Request) -> Response:
        """The messages that stayed here, as they would look; from another machine only with the write key."""
        peer = request.client.host if request.client else ""
        if peer not in LOOPBACK and not self.lets_in(write_key(request.headers)):
            asked_for = {"WWW-Authenticate": 'Basic realm="the write key as user name"'}
            return problem(401, "These are people's messages: sign in with a write key as the user name.", asked_for)
        asked = request.query_params
        channel, user_id = asked.get("channel"), asked.get("user")
        async with self._database.read() as connection:
            rows = await kept(connection, user_id=user_id)
        now = datetime.now(UTC)
        return HTMLResponse(outbox_page([_kept(row, now) for row in rows], channel=channel, user=user_id))

    async def health(self, _: Request) -> Response:
        """Whether every part lives and the database answers, and how many events wait for Temporal."""
        try:
            for life in self._lives:
                life.check()
            await self._database.check()
        except (PartDied, SettingsError) as error:
            return problem(503, str(error), {"Retry-After": "2"})
        async with self._database.read() as connection:
            return JSONResponse({"status": "ok", "unrouted": await backlog(connection)})

    def lets_in(self, key: str | None) -> bool:
        """Whether this is one of the write keys."""
        given = (key or "").encode(errors="replace")
        # Every key is compared, so that the time taken tells nothing about any of them.
        matches = [hmac.compare_digest(given, known) for known in self._write_keys]
        return any(matches)


def _kept(row: Row[Any], now: datetime) -> OutboxMessage:
    shape = {"email": RenderedEmail, "webhook": RenderedCall}.get(row.channel, RenderedCard)
    return OutboxMessage(
        id=row.send_key[:12],
        channel=row.channel,
        user_id=row.user_id,
        template=row.template,
        sent_at=row.sent_at,
        provider="in-app" if row.channel == "in_app" else "outbox",
        rendered=shape(**row.rendered),
        read_at=row.read_at,
        expires_at=row.expires_at,
        is_expired=row.expires_at is not None and row.expires_at < now,
    )


def _status(error: JourneymanError) -> int:
    return 413 if isinstance(error, EventTooLarge) else 409 if isinstance(error, EventConflict) else 400


def problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """What every door under /v1 answers where something is wrong: one sentence that says what to do."""
    return JSONResponse({"success": False, "error": message}, status, headers)
