"""The front door as a function: requests as API Gateway, a function URL and a load balancer hand them to AWS Lambda."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from errors import SettingsError
from function import Function
from ingestion.accept import Acceptor
from settings import ROOT, Settings
from storage.database import Database
from storage.tables import events, routing
from tests.doubles.lambda_runtime import LambdaRuntime

Event = dict[str, Any]


def rest_api(method: str, path: str, body: str | None, headers: dict[str, str], *, packed: bool = False) -> Event:
    """A REST API's proxy event, payload format 1.0."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "1234567890",
            "domainName": "1234567890.execute-api.eu-central-1.amazonaws.com",
            "httpMethod": method,
            "identity": {"sourceIp": "203.0.113.7", "userAgent": headers.get("User-Agent")},
            "path": f"/prod{path}",
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": body,
        "isBase64Encoded": packed,
    }


def http_api(method: str, path: str, body: str | None, headers: dict[str, str], *, packed: bool = False) -> Event:
    """An HTTP API's event, payload format 2.0; a function URL sends the same."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghij",
            "domainName": "abcdefghij.lambda-url.eu-central-1.on.aws",
            "domainPrefix": "abcdefghij",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": headers.get("User-Agent", ""),
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:20:00:00 +0000",
            "timeEpoch": 1795464000000,
        },
        "body": body,
        "isBase64Encoded": packed,
    }


def load_balancer(method: str, path: str, body: str | None, headers: dict[str, str], *, packed: bool = False) -> Event:
    """An Application Load Balancer's event, with single headers."""
    arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/journeyman/6d0ecf831eec9f09"
    return {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": {**{name.lower(): value for name, value in headers.items()}, "x-forwarded-for": "203.0.113.7"},
        "body": body or "",
        "isBase64Encoded": packed,
    }


END_ALL_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
)
KEY = {"Authorization": "Bearer wk", "Content-Type": "application/json"}


class Lambda:
    """One instance of the function in a thread of its own, as Lambda keeps it, and a look into the database."""

    def __init__(self, settings: Settings, document: Callable[..., Event]) -> None:
        self.function = Function(settings)
        self.database = Database(settings.database)
        self._document = document
        self._thread = ThreadPoolExecutor(1)

    async def ask(
        self, method: str, path: str, body: str | None = None, *, packed: bool = False, key: bool = True
    ) -> tuple[int, Any]:
        """The status and the JSON that the function answers."""
        event = json.loads(json.dumps(self._document(method, path, body, KEY if key else {}, packed=packed)))
        answer = await asyncio.get_running_loop().run_in_executor(self._thread, self.function, event, None)
        return answer["statusCode"], json.loads(answer["body"])

    async def stored(self) -> list[str]:
        async with self.database.read() as connection:
            return [row.event_id for row in await connection.execute(select(events.c.event_id).order_by(events.c.seq))]

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self.function.close)
        self._thread.shutdown()
        await self.database.close()


@pytest.fixture(params=[rest_api, http_api, load_balancer], ids=lambda each: each.__name__)
async def instance(request: pytest.FixtureRequest, postgresql_url: str) -> AsyncIterator[Lambda]:
    instance = Lambda(Settings(database=postgresql_url, write_keys="wk", secret="a test"), request.param)
    yield instance
    await instance.close()


def track(number: int, **more: Any) -> str:
    return json.dumps({"messageId": f"m-{number}", "userId": "u-1", "event": "Signed Up", **more})


async def test_accepts(instance: Lambda) -> None:
    """Whoever hands over the request, an event that the function answers with 200 is stored, once, and left for the relay.

    Killed by: not entering the Acceptor in Function._open.
    """
    for _ in range(2):
        assert await instance.ask("POST", "/v1/track", track(1)) == (200, {"success": True})
    packed = base64.b64encode(gzip.compress(f'{{"batch": [{track(2)}]}}'.encode())).decode()
    assert await instance.ask("POST", "/v1/batch", packed, packed=True) == (200, {"success": True})
    assert await instance.stored() == ["m-1", "m-2"]
    async with instance.database.read() as connection:
        assert len((await connection.execute(select(routing))).all()) == 2


async def test_refuses(instance: Lambda) -> None:
    """A request without key, an unreadable body and the same id with another body are refused as at any front door."""
    assert (await instance.ask("POST", "/v1/track", track(1), key=False))[0] == 401
    assert (await instance.ask("POST", "/v1/track", "{"))[0] == 400
    await instance.ask("POST", "/v1/track", track(1))
    assert (await instance.ask("POST", "/v1/track", track(1, userId="u-2")))[0] == 409
    assert await instance.stored() == ["m-1"]
    assert (await instance.ask("GET", "/health"))[1] == {"status": "ok", "unrouted": 1, "set_aside": 0}


async def test_frozen(instance: Lambda) -> None:
    """An instance whose connections were closed while it was frozen goes on at the next request."""
    await instance.ask("POST", "/v1/track", track(1))
    async with instance.database.read() as connection:
        assert all((await connection.execute(END_ALL_OTHERS)).scalars())
    assert (await instance.ask("POST", "/v1/track", track(2)))[0] == 200
    assert await instance.stored() == ["m-1", "m-2"]


async def test_in_the_runtime(postgresql_url: str, tmp_path: Path) -> None:
    """Started as Lambda starts it, by AWS's own runtime client, the function answers what the Runtime API hands over."""
    environment = {
        **os.environ,
        "AWS_LAMBDA_FUNCTION_NAME": "journeyman",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "JOURNEYMAN_DATABASE": postgresql_url,
        "JOURNEYMAN_WRITE_KEYS": "wk",
        "JOURNEYMAN_SECRET": "a test",
    }
    database = Database(postgresql_url)
    with LambdaRuntime() as runtime:
        environment["AWS_LAMBDA_RUNTIME_API"] = runtime.address
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "awslambdaric", "function.handler", cwd=ROOT, env=environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            for _ in range(2):
                kind, answer = await asyncio.to_thread(runtime.invoke, http_api("POST", "/v1/track", track(1), KEY))
                assert (kind, answer["statusCode"], json.loads(answer["body"])) == ("response", 200, {"success": True})
        finally:
            process.kill()
            await process.wait()
    async with database.read() as connection:
        assert (await connection.execute(select(events.c.event_id))).scalars().all() == ["m-1"]
    await database.close()


async def test_opened_anew(instance: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance whose acceptance has died answers 503 once and is whole again at the request after.

    Killed by: not looking at the acceptor's life in Function.__call__.
    """

    async def broken(self: Acceptor, group: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Acceptor, "_take", broken)
        assert (await instance.ask("POST", "/v1/track", track(1)))[0] == 503
    assert (await instance.ask("POST", "/v1/track", track(1)))[0] == 200
    assert await instance.stored() == ["m-1"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"write_keys": "wk", "secret": "a test"}, "JOURNEYMAN_DATABASE"),
        ({"database": "postgresql+asyncpg://u@h/n", "write_keys": "wk"}, "JOURNEYMAN_SECRET"),
    ],
)
def test_keeps_no_files(given: dict[str, Any], named: str, tmp_path: Path) -> None:
    """A function that would keep something in files says at its start what to set."""
    with pytest.raises(SettingsError, match=named):
        Function(Settings(data_dir=tmp_path, **given))
    assert not [*tmp_path.iterdir()]
