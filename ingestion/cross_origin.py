"""What a browser is told that asks whether a page of another origin may speak to us."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import problem
from .origins import Origins

DOORS = "/v1/"
"""What pages post to and read from."""
SCRIPTS = "/js/"
"""What pages load; with a plain script tag a browser does not say for whom."""
REMEMBERED = 7200
"""Seconds for which a browser may keep our answer; Chromium keeps none for longer."""


class CrossOrigin:
    """Answers preflight requests, and refuses what pages of strange origins post, before anything of it is read.

    CORS alone keeps a browser from showing such a page our answer: what it posts as plain text would have been taken by
    then. Credentials are never allowed: nothing here lives by cookies, and a client presents its key itself.
    """

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins
        self._cors = CORSMiddleware(
            app,
            allow_origins=["*"] if origins.everyone else sorted(origins.exact),
            allow_origin_regex=origins.pattern,
            allow_methods=("GET", "POST"),
            allow_headers=["*"],  # a header does nothing by itself, and RudderStack's client sends one of its own
            expose_headers=["Retry-After"],
            max_age=REMEMBERED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith((DOORS, SCRIPTS)):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None and scope["method"] == "POST":
            await self._app(scope, receive, send)  # A program: no browser asks, and no cache keeps it.
        elif origin is None or origin in self._origins or _is_here(origin, headers.get("host", "")):
            await self._cors(scope, receive, send)
        elif scope["path"].startswith(DOORS):
            answer = problem(
                403, "Pages of this origin may not speak to us; name it in JOURNEYMAN_CORS.", reason="origin"
            )
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_here(origin: str, host: str) -> bool:
    """Whether the page came from the very address that it speaks to."""
    return bool(host) and origin.partition("://")[2] == host.lower()
