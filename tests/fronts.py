"""A front door that is really served over a database, without Temporal behind it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from service import app_of, served
from settings import Settings
from tests.door import Door, opened_door
from tests.servers import free_port

KEY = "wk"


class Front:
    """A client of the front door, and a look behind it."""

    def __init__(self, settings: Settings, door: Door, http: httpx.AsyncClient) -> None:
        self.settings = settings
        self.door = door
        self.http = http

    async def post(self, path: str, body: Any, *, key: str | None = KEY, **headers: str) -> httpx.Response:
        """Send this body, JSON or bytes, with that key."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        known = {} if key is None else {"Authorization": f"Bearer {key}"}
        return await self.http.post(f"/v1/{path}", content=content, headers=known | headers)

    async def stored(self) -> list[str]:
        """The ids of all stored events, in order of acceptance."""
        return [row.event_id for row in await self.door.stored()]


@asynccontextmanager
async def fronted(database_url: str, home: Path, **changes: Any) -> AsyncIterator[Front]:
    """Over the database of that URL; `changes` are settings."""
    async with opened_door(database_url) as door, fronting(door, home, **changes) as front:
        yield front


@asynccontextmanager
async def fronting(door: Door, home: Path, **changes: Any) -> AsyncIterator[Front]:
    """One more front door over what accepts events already."""
    chosen: dict[str, Any] = {"port": free_port(), "write_keys": KEY, "secret": "test secret"} | changes
    settings = Settings(database=door.database.url, data_dir=home, **chosen)
    async with (
        served(app_of(settings, door.database, door.acceptor, []), settings),
        httpx.AsyncClient(
            base_url=f"http://{settings.host}:{settings.port}", trust_env=False, timeout=60, limits=httpx.Limits()
        ) as http,
    ):
        yield Front(settings, door, http)


def track(number: int | str, **more: Any) -> dict[str, Any]:
    """One track call."""
    return {"messageId": f"m-{number}", "userId": "u", "type": "track", "event": "File Downloaded", **more}
