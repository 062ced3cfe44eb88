"""The front door over HTTP: what tracking clients post, and the pages that people open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Row
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from errors import NotAdmitted, NotPermitted, PartDied, SettingsError
from messages import RenderedCall, RenderedCard, RenderedEmail
from storage.aside import count_aside
from storage.database import UNREACHABLE, Database
from storage.ledger import kept
from storage.routing import backlog

from .accept import Acceptor
from .answers import problem, refused
from .cross_origin import CrossOrigin
from .intake import Intake
from .keys import Keys, write_key
from .life import Life
from .load import Load
from .local import is_local
from .origins import Origins
from .outbox_page import OutboxMessage, outbox_page
from .segment import messages

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
log = structlog.get_logger()


class FrontDoor:
    """The routes that every front door has."""

    def __init__(
        self,
        acceptor: Acceptor,
        database: Database,
        write_keys: frozenset[str],
        lives: Iterable[Life] = (),
        origins: Origins = Origins(),
        page_keys: frozenset[str] = frozenset(),
        load: Load | None = None,
    ) -> None:
        """`lives` are the parts of this process that `/health` answers for; pages of `origins` may speak to us."""
        self.keys = Keys(write_keys, page_keys, database)
        self.intake = Intake(acceptor, self.keys, load)
        self._database = database
        self._lives = tuple(lives)
        self._origins = origins

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
        beyond = Middleware(CrossOrigin, origins=self._origins)
        return Starlette(
            routes=[*doors, *pages, *others],
            middleware=[beyond],
            exception_handlers={HTTPException: _no_door} | dict.fromkeys((*UNREACHABLE, Exception), _trouble),
        )

    def _door(self, kind: str) -> Any:
        async def door(request: Request) -> Response:
            return await self.intake.take(request, messages, kind)

        return door

    async def outbox(self, request: Request) -> Response:
        """The messages that stayed here, as they would look; from another machine only with a key that may read."""
        if not is_local(request):
            try:
                await self.keys.admit(write_key(request.headers), "read")
            except NotPermitted as error:
                return refused(error)
            except NotAdmitted:
                asked_for = {"WWW-Authenticate": 'Basic realm="a key as user name"'}
                return problem(401, "These are people's messages: sign in with a key as the user name.", asked_for)
        asked = request.query_params
        channel, user_id = asked.get("channel"), asked.get("user")
        async with self._database.read() as connection:
            rows = await kept(connection, user_id=user_id)
        now = datetime.now(UTC)
        return HTMLResponse(outbox_page([_kept(row, now) for row in rows], channel=channel, user=user_id))

    async def health(self, _: Request) -> Response:
        """Whether every part lives and the database answers, how many events wait for Temporal, and how many are set aside."""
        try:
            for life in self._lives:
                life.check()
            await self._database.check()
        except (PartDied, SettingsError) as error:
            return problem(503, str(error), {"Retry-After": "2"})
        async with self._database.read() as connection:
            counts = {"unrouted": await backlog(connection), "set_aside": await count_aside(connection)}
        return JSONResponse({"status": "ok", **counts})


async def _no_door(_: Request, error: Exception) -> Response:
    """Starlette's own words for a path or a method that is not there would be no JSON."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, "There is no such door here; /openapi.json names them all.", error.headers)


async def _trouble(_: Request, error: Exception) -> Response:
    """What a door did not expect; the type alone is logged, texts may name people."""
    level = log.warning if isinstance(error, UNREACHABLE) else log.error
    level("a door could not answer", error=type(error).__name__)
    return problem(503, "This cannot be answered now; try again in a moment.", {"Retry-After": "2"})


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
