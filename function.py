"""The front door without a server of its own: a function on AWS Lambda, behind API Gateway, its own URL or a load balancer.

It stores what it accepts; relay and worker run elsewhere, on the same PostgreSQL.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import cache
from typing import Any

from mangum import Mangum

import logs
from connect import opened
from errors import SettingsError
from ingestion.accept import Acceptor
from service import acceptor_of, app_of
from settings import Settings
from workflows.catalogue import Catalogue

# It logs every path, and a path may name somebody.
logging.getLogger("mangum.http").setLevel(logging.WARNING)


class Function:
    """One instance of the function: it opens the database at its first request, and keeps it for the next ones."""

    def __init__(self, settings: Settings) -> None:
        """SettingsError where something would be kept in files: those of an instance are gone with it."""
        if settings.database_url.startswith("sqlite"):
            raise SettingsError(
                "JOURNEYMAN_DATABASE: a function keeps no files; name the PostgreSQL that relay and worker use, "
                "as in postgresql+asyncpg://user@host/name."
            )
        if not settings.secret.get_secret_value() or not settings.write_keys:
            raise SettingsError(
                "JOURNEYMAN_SECRET, JOURNEYMAN_WRITE_KEYS: a function keeps no files; "
                "set both to those of relay and worker."
            )
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = AsyncExitStack()
        self._acceptor: Acceptor | None = None
        self._adapter: Mangum | None = None

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer one request; both documents are Lambda's, and so is the answer."""
        if self._acceptor is not None and self._acceptor.life.over.is_set():
            self.close()
        if self._loop is None or self._adapter is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            self._adapter = self._loop.run_until_complete(self._open())
        return self._adapter(event, context)

    def close(self) -> None:
        """Close the database; the next request opens it again."""
        if self._loop is not None:
            self._loop.run_until_complete(self._stack.aclose())
            self._loop.close()
        self._loop = self._acceptor = self._adapter = None

    async def _open(self) -> Mangum:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(opened(self._settings))
            acceptor = acceptor_of(self._settings, database, Catalogue.load(), _nobody_waits)
            self._acceptor = await stack.enter_async_context(acceptor)
            app = app_of(self._settings, database, acceptor, [acceptor.life])
            self._stack = stack.pop_all()
        return Mangum(app, lifespan="off")


def handler(event: Any, context: Any) -> dict[str, Any]:
    """What Lambda is told to call: `function.handler`."""
    return _function()(event, context)


@cache
def _function() -> Function:
    logs.configure()
    return Function(Settings.read())


def _nobody_waits(users: Iterable[str]) -> None:
    """The relay of another process looks into the database by itself."""
