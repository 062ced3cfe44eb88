"""A program in which libraries fail over what a person wrote; run as `python -m tests.troubled TEMPORAL_ADDRESS`."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sys
from typing import Any
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

import logs
from connect import connect
from service import served
from settings import Settings
from tests.replay.record import HISTORIES
from tests.servers import free_port, wait_until
from worker import runner
from workflows.host import Host

PERSON = "ada.canary@example.org"
"""At no address that other tests search for: what the send here raises stands in its history."""
WORDS = f"no such person: {PERSON}, +49 151 1234567"


async def failing(_: Request) -> Response:
    raise ValueError(WORDS)


async def door() -> None:
    """A request that fails in the application, and one that is none."""
    settings = Settings(port=free_port())
    app = Starlette(routes=[Route("/v1/inbox/{user}", failing)])
    async with served(app, settings), httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://127.0.0.1:{settings.port}/v1/inbox/{PERSON}")
        assert answer.status_code == 500
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.port)
        writer.write(f"{PERSON}\r\n\r\n".encode())
        await reader.read()
        writer.close()


async def failed(run: WorkflowHandle[Any, Any], kind: str) -> bool:
    return any(kind in str(event) for event in (await run.fetch_history()).events)


async def journeys(address: str) -> None:
    """A journey whose send fails, and one that is not there."""
    client: Client = await connect(Settings(), embedded=address)
    history = json.loads((HISTORIES / "onboarding" / "nothing_done.json").read_text())
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    given = json.loads(base64.b64decode(started["input"]["payloads"][0]["data"]))
    queue = f"troubled-{uuid4().hex}"
    tried = asyncio.Event()

    @activity.defn(name="send")
    async def send(_: dict[str, Any]) -> dict[str, Any]:
        if activity.info().attempt > 1:
            tried.set()  # the first failure has been told
        raise ValueError(WORDS)

    async with Worker(client, task_queue=queue, workflows=[Host], activities=[send], workflow_runner=runner()):
        one = await client.start_workflow("onboarding", given, id=f"onboarding/u-canary-{queue}", task_queue=queue)
        other = await client.start_workflow("nowhere", given, id=f"nowhere/u-canary-{queue}", task_queue=queue)
        await asyncio.wait_for(tried.wait(), 20)
        await wait_until(lambda: failed(other, "workflow_task_failed"), 20)
        for run in (one, other):
            await run.terminate()


async def main() -> None:
    await door()
    await journeys(sys.argv[1])
    log = logging.getLogger("some.library")
    log.warning("no answer for %s at %s", PERSON, "/v1/inbox/u-canary-1")
    log.error(f"GET /v1/inbox/u-canary-2 for {PERSON}, '{WORDS}'\n{WORDS}")  # noqa: G004  as libraries do
    log.info("quite usual for %s", PERSON)
    log.warning("one %s too many", *(PERSON, PERSON))
    asyncio.get_running_loop().call_exception_handler({"message": "a task has died", "exception": ValueError(WORDS)})


if __name__ == "__main__":
    logs.configure()
    asyncio.run(main())
    sys.stderr.flush()
    # As starter.py ends: a thread of the SDK that still runs while the interpreter goes can abort it.
    os._exit(0)
