"""What a backend is told to do with in-app messages does what the page says, word for word."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from connect import connect
from docs.refresh import ROOT
from service import Service, receiving, serving
from settings import Settings
from stack import TemporalServer
from storage.database import Database
from storage.migrate import migrate
from storage.tables import people
from tests.docs.blocks import blocks
from tests.inboxes import put
from tests.servers import free_port
from workflows.catalogue import Catalogue

pytestmark = pytest.mark.server
PAGE = [block for block in blocks("messages.md") if "/v1/inbox/" in block.text or '"read_at"' in block.text]
COMMANDS = [block.text for block in PAGE if block.language == "sh"]
(ANSWER,) = (block.text for block in PAGE if block.language == "text")


@pytest_asyncio.fixture
async def service(temporal: TemporalServer, tmp_path: Path) -> AsyncIterator[Service]:
    """The front door as `serve` puts it together."""
    url = f"sqlite:///{tmp_path / 'journeyman.db'}"
    settings = Settings(
        database=url, data_dir=tmp_path, task_queue=tmp_path.name, port=free_port(), write_keys="page-key"
    )
    database = Database(url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await migrate(database)
        client = await connect(settings, embedded=temporal.address)
        service = await stack.enter_async_context(receiving(settings, database, client, Catalogue.load()))
        await stack.enter_async_context(serving(service))
        yield service


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine; on Debian: apt install curl")
async def test_the_commands(service: Service) -> None:
    """The page's commands fetch a message in the shape that the page shows, and note that it was read."""
    message = await put(service.database, "u-42")
    fetch, read = COMMANDS
    (given,) = (await typed(service, fetch))["messages"]
    assert list(given) == re.findall(r'"(\w+)":', ANSWER)[1:]
    assert (given["id"], given["read_at"]) == (message, None)
    assert await typed(service, f"{fetch.splitlines()[0]}\nID={message}\n{read}") == {"success": True}
    (given,) = (await typed(service, fetch))["messages"]
    assert given["read_at"]


async def typed(service: Service, commands: str) -> Any:
    """What a shell prints, as JSON; the front door of the page is ours."""
    known = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": os.environ["HOME"], "NO_PROXY": "*"}
    process = await asyncio.create_subprocess_exec(
        *("bash", "-ec", commands.replace("http://127.0.0.1:8000", service.settings.front_door)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=known | {"JOURNEYMAN_WRITE_KEYS": "page-key"},
    )
    out, problems = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, problems.decode()
    return json.loads(out)


async def test_under_the_same_name(service: Service) -> None:
    """Who is told of under an email address has their messages under that address: both doors hide it in the same way."""
    address = "ada@example.com"
    async with httpx.AsyncClient(base_url=service.settings.front_door, trust_env=False, auth=("page-key", "")) as http:
        told = await http.post("/v1/track", json={"messageId": "m-1", "userId": address, "event": "Signed Up"})
        assert told.status_code == 200
        async with service.database.read() as connection:
            user_id = await connection.scalar(select(people.c.user_id))
        message = await put(service.database, str(user_id))
        for path in (address, quote(address, safe="")):
            answer = await http.get(f"/v1/inbox/{path}")
            assert [each["id"] for each in answer.json()["messages"]] == [message]
