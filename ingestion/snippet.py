"""The scripts that pages load: what of a visit is told, and what is shown."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

STATIC = Path(__file__).with_name("static")
HEADERS = {
    "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",  # pages that isolate themselves may load it
}


def snippet_routes() -> list[Route]:
    """`GET /js/journeyman.js`, and what it loads for pages that show in-app messages."""
    return [
        Route(f"/js/{name}", _script((STATIC / name).read_bytes()), methods=["GET"])
        for name in ("journeyman.js", "journeyman-inbox.js")
    ]


def _script(plain: bytes) -> Callable[[Request], Awaitable[Response]]:
    packed = gzip.compress(plain, mtime=0)

    async def door(request: Request) -> Response:
        fits = "gzip" in request.headers.get("accept-encoding", "")
        body = packed if fits else plain
        # A strong tag names bytes, so each encoding has its own.
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = HEADERS | {"ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if fits:
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers, media_type="text/javascript")

    return door
