"""A second front door and relay beside those of a stage, as another process would have them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from ingestion.accept import Acceptor
from storage.database import Database
from tests.stage import Stage


@asynccontextmanager
async def second_door(stage: Stage) -> AsyncIterator[Acceptor]:
    """Accept and relay through connections of their own; on SQLite the one relay there may be serves both doors."""
    database = Database(stage.settings.database_url)
    other = Stage(stage.settings, database, stage.client, stage.catalogue)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        if not database.is_sqlite:
            await stack.enter_async_context(other.relay)
        yield await stack.enter_async_context(other.acceptor)
