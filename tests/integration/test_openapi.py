"""The OpenAPI document is true: it names every door, and what is generated from it is never answered with an error of ours."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from openapi_schema_validator import OAS31Validator

from ingestion.openapi import openapi
from service import app_of, served
from settings import Settings
from tests.door import opened_door, somebody
from tests.inboxes import put
from tests.servers import free_port

PAGES = {"/", "/outbox", "/report", "/unsubscribe/{token}", "/preferences/{token}", "/openapi.json"}
"""For people, not for programs."""
EXAMPLES = 40
"""Requests that are generated for each door, of each kind; `make chaos` makes more."""


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """A front door with somebody behind it."""
    settings = Settings(data_dir=tmp_path, write_keys="wk", secret="test secret", port=free_port())
    async with opened_door(settings.database_url) as door:
        await put(door.database, somebody())
        async with served(app_of(settings, door.database, door.acceptor, [door.acceptor.life]), settings):
            yield f"http://127.0.0.1:{settings.port}"


async def test_every_door(tmp_path: Path) -> None:
    """The document names every path and method that programs can use, and no other.

    Killed by: leaving any of them out of openapi().
    """
    settings = Settings(data_dir=tmp_path, write_keys="wk", secret="test secret")
    async with opened_door(settings.database_url) as door:
        routes = app_of(settings, door.database, door.acceptor, []).routes
    served_at = {
        (route.path.replace(":id", ""), method.lower())  # type: ignore[attr-defined]
        for route in routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    told = {(path, method) for path, doors in openapi()["paths"].items() for method in doors}
    left_out = {path for path, _ in served_at - told}
    assert told <= served_at
    assert left_out - PAGES == {path for path in left_out if path.startswith("/js/")} | {
        f"/v1/{short}" for short in ("t", "i", "p", "s", "g", "a", "b", "import")
    }


def test_schemas() -> None:
    """Every schema of the document is one of OpenAPI 3.1."""
    for schema in openapi()["components"]["schemas"].values():
        OAS31Validator.check_schema(schema)


async def test_generated(address: str, tmp_path: Path) -> None:
    """T18: whatever is generated from the document, right or wrong, is answered as the document says, never with 500.

    Killed by: raising what a door does not catch, or answering with a status that the document does not name.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json",
        "--header", "Authorization: Bearer wk", "--seed", "7", "--max-examples", str(EXAMPLES), "--no-color",
        "--phases", "examples,coverage,fuzzing", "--exclude-path", "/v1/inbox/stream", "--generation-database", "none",
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
    )  # fmt: skip
    try:
        told, _ = await asyncio.wait_for(process.communicate(), 240)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, told.decode()[-9000:]
