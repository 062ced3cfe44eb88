"""One process with a front door on SQLite, for the benchmark: `python -m benchmarks.door ours|bare PORT FOLDER`."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from sqlalchemy import func, insert, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from profiles.person import Person
from service import acceptor_of, app_of
from settings import Settings
from storage.database import Database
from storage.migrate import migrate
from storage.people import upsert
from storage.tables import events, people, routing
from workflows.catalogue import Catalogue

GROUP = 200
CONTEXT = {"device": {"platform": "server"}, "location": {"zone": "UTC", "zone_source": "default"}}


class Bare:
    """Reads the JSON and commits, in groups, the rows that accept would: the event's, its route's, its person's. It judges nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[list[dict[str, Any]], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def take(self, request: Request) -> Response:
        body = json.loads(await request.body())
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((body.get("batch") or [body], committed))
        self._wake.set()
        await committed
        return JSONResponse({"success": True})

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group, size = [], 0
                while self._waiting and size < GROUP:
                    group.append(self._waiting.pop(0))
                    size += len(group[-1][0])
                await self._commit([message for messages, _ in group for message in messages])
                for _, committed in group:
                    committed.set_result(None)

    async def _commit(self, messages: list[dict[str, Any]]) -> None:
        now = datetime.now(UTC)
        persons = {message["userId"]: vars(_person(message, now)) for message in messages}
        async with self._database.write() as connection:
            await connection.execute(insert(events), [_row(message, now) for message in messages])
            last = await connection.scalar(select(func.max(events.c.seq)))
            seqs = range(last - len(messages) + 1, last + 1)  # nobody else writes meanwhile
            routes = [{"seq": seq, "user_id": message["userId"]} for seq, message in zip(seqs, messages, strict=True)]
            await connection.execute(insert(routing), routes)
            await upsert(self._database, connection, people, [*persons.values()])


def _person(message: dict[str, Any], now: datetime) -> Person:
    categories, hours = {message["properties"]["category"]: 10}, {str(now.hour): 10}
    return Person(message["userId"], now, last_seen_at=now, categories=categories, hours=hours)


def _row(message: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "event_id": message["messageId"],
        "digest": hashlib.sha256(message["messageId"].encode()).hexdigest(),
        "user_id": message["userId"],
        "name": message["event"],
        "occurred_at": now,
        "received_at": now,
        "properties": message["properties"],
        "context": CONTEXT,
    }


async def serve(which: str, port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    settings = Settings(data_dir=folder, write_keys="bench", secret="bench")
    database = Database(settings.database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await migrate(database)
        if which == "ours":
            acceptor = acceptor_of(settings, database, Catalogue.load(), lambda users: None)
            await stack.enter_async_context(acceptor)
            app = app_of(settings, database, acceptor, [acceptor.life])
        else:
            bare = Bare(database)
            running = asyncio.create_task(bare.run())
            stack.callback(running.cancel)
            routes = [Route(f"/v1/{path}", bare.take, methods=["POST"]) for path in ("track", "batch")]
            app = Starlette(routes=routes)
        config = uvicorn.Config(app, port=port, log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        gc.collect()
        gc.freeze()  # as `serve` does it
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: setattr(server, "should_exit", True))
        await server.serve()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
