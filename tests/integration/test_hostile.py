"""Requests that are meant to do harm: never a 500, memory flat, and whoever is honest is answered as always."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingestion.app import FrontDoor
from ingestion.bodies import EVERYWHERE
from ingestion.connection import Connection
from ingestion.punctual import HEAD_LIMIT
from storage.database import Database
from tests.fronts import KEY, Front, fronted, track

HEAD = f"POST /v1/track HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {KEY}\r\n"
SLOW = 200


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path) as front:
        yield front


@asynccontextmanager
async def connected(front: Front) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to the front door."""
    reader, writer = await asyncio.open_connection(front.settings.host, front.settings.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


VALUES: list[Any] = [
    None, True, 0, -1, 1e308, 10**400, "", "x", "\0", "\ud800", "𝕏" * 300, "=cmd()", "a@b.example", [], {}, [[[]]],
    {"a": {"b": [1]}}, "2026-01-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:00", "x" * 70_000,
]  # fmt: skip
NAMES = [
    "userId", "anonymousId", "previousId", "groupId", "messageId", "event", "type", "timestamp", "sentAt",
    "originalTimestamp", "properties", "traits", "context", "batch", "name", "category", "writeKey", "value",
]  # fmt: skip
EVENTS = ["Order Completed", "Product Added", "Cart Viewed", "Subscribed", "Identified", "purchase", "Anything"]
FIELDS = [
    "value",
    "price",
    "quantity",
    "products",
    "items",
    "cart_id",
    "currency",
    "topic",
    "channel",
    "email",
    "device",
]


def strange(dice: random.Random, number: int) -> bytes:
    """A body that looks like an event as far as this or that part of it."""
    body: dict[str, Any] = track(
        f"x-{number}", event=dice.choice(EVENTS), type=dice.choice(["track", "alias", "identify"])
    )
    for _ in range(dice.randrange(4)):
        body[dice.choice(NAMES)] = dice.choice(VALUES)
    for place in ("properties", "traits", "context"):
        if dice.random() < 0.5:
            body[place] = {dice.choice(FIELDS): dice.choice([*VALUES, [{dice.choice(FIELDS): dice.choice(VALUES)}]])}
    if dice.random() < 0.3:
        body = {"batch": [body, dice.choice(VALUES), track(f"y-{number}")]}
    raw = json.dumps(body).encode()
    damage = dice.randrange(12)
    if damage == 0:
        raw = raw[: dice.randrange(len(raw))]
    elif damage == 1:
        raw = raw.replace(b'"', bytes([dice.randrange(256)]), 1)
    elif damage == 2:
        raw = gzip.compress(raw)[: dice.choice([None, 20, -5])]
    elif damage == 3:
        raw = raw.replace(b"{", b'{"a":NaN,', 1)
    elif damage == 4:
        raw = b'{"a":' * dice.choice([60, 5000]) + raw
    return raw


async def test_generated(front: Front) -> None:
    """T18: whatever is sent to the doors for events, none answers 500, each refusal is one sentence with a reason, and what
    was good is stored.

    Killed by: leaving RecursionError uncaught in parse_json.
    """
    dice, statuses = random.Random(18), Counter[int]()
    paths = ["track", "identify", "page", "alias", "group", "batch", "b", "import", "screen"]
    for number in range(600):
        answer = await front.post(dice.choice(paths), strange(dice, number))
        statuses[answer.status_code] += 1
        if answer.status_code != 200:
            told = answer.json()
            assert told["reason"], told
            assert told["error"].endswith("."), told
            assert "Traceback" not in told["error"]
    assert {200, 400, 413} <= set(statuses) <= {200, 400, 409, 413}, statuses
    assert statuses[200] > 100
    assert (await front.post("track", track("honest"))).status_code == 200
    assert (await front.stored())[-1] == "m-honest"


async def test_too_many_messages(front: Front) -> None:
    """A batch of more than a thousand messages is refused before one of them is looked at; a thousand are taken.

    Killed by: leaving _count out of Intake.
    """
    answer = await front.post("batch", b'{"batch":[' + b"1," * 200_000 + b"1]}")
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")
    assert len(answer.content) < 1000
    small = [{"messageId": f"{number}", "userId": "u", "event": "x"} for number in range(1001)]
    assert (await front.post("batch", {"batch": small})).status_code == 413
    assert (await front.post("batch", {"batch": small[1:]})).status_code == 200
    assert len(await front.stored()) == 1000


async def test_announced(front: Front) -> None:
    """A body that is announced to be too large is refused before any of it is sent.

    Killed by: not looking at Content-Length in read_body.
    """
    async with connected(front) as (reader, writer):
        writer.write(f"{HEAD}Content-Length: 600000000\r\nExpect: 100-continue\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "start", ["", HEAD, f"{HEAD}Content-Length: 10\r\n\r\n{{", "POST /nothing HTTP/1.1\r\nContent-Length: 9\r\n\r\n"]
)
async def test_who_says_nothing_more(front: Front, start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who connects and does not finish a request, wherever they stop, is cut off after a while.

    Killed by: leaving the first, the second or the third call of _expect out of Punctual.
    """
    monkeypatch.setattr(Connection, "head_patience", 0.3)
    monkeypatch.setattr(Connection, "whole_patience", 0.6)
    began = time.monotonic()
    async with connected(front) as (reader, writer):
        assert (await front.post("track", track(1))).status_code == 200
        writer.write(start.encode())
        with suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 10)
        assert time.monotonic() - began >= 0.3
    assert (await front.post("track", track(2))).status_code == 200


async def test_a_slow_second_request(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """An honest connection may rest between requests, but not in the midst of one, however often it was used.

    Killed by: beginning to count only with the connection.
    """
    async with connected(front) as (reader, writer):
        for number in range(2):
            raw = json.dumps(track(number)).encode()
            writer.write(f"{HEAD}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)
            head = await asyncio.wait_for(reader.readuntil(b"}"), 10)
            assert head.startswith(b"HTTP/1.1 200 ")
        monkeypatch.setattr(Connection, "head_patience", 0.3)
        writer.write(b"POST /v1/track HTTP/1.1\r\nHost:")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 3)


async def test_endless_headers(front: Front) -> None:
    """Headers without an end are refused after 64 kB.

    Killed by: not counting in Punctual.data_received.
    """
    async with connected(front) as (reader, writer):
        writer.write(HEAD.encode() + b"X-Long: ")
        sent = 0
        with suppress(ConnectionError):
            while not reader.at_eof() and sent < 100 * HEAD_LIMIT:
                writer.write(b"a" * HEAD_LIMIT)
                sent += HEAD_LIMIT
                await writer.drain()
                await asyncio.sleep(0)
    assert sent < 100 * HEAD_LIMIT


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"GET / HTTP/9.9\r\n\r\n", "not HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "not HTTP/1.1"),
        (f"{HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab".encode(), "not HTTP/1.1"),
        (f"{HEAD}X-Long: {'a' * HEAD_LIMIT}\r\n\r\n".encode(), "64 kB"),
        (f"{HEAD}{''.join(f'X-{n}: {n:040}' + chr(13) + chr(10) for n in range(2000))}\r\n".encode(), "64 kB"),
    ],
    ids=["version", "tls", "two lengths", "one long header", "many headers"],
)
async def test_no_http(front: Front, raw: bytes, words: str) -> None:
    """T18: what is no HTTP, or has a head over 64 kB, also one that comes all at once, is told so as JSON like every refusal.

    Killed by: leaving send_400_response, or the look at the size in on_headers_complete, out of Punctual.
    """
    async with connected(front) as (reader, writer):
        writer.write(raw)
        head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head.lower()
    told = json.loads(body)
    assert told["success"] is False
    assert words in told["error"]


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql+asyncpg://postgres@/x?host=/nowhere"])
async def test_a_page_without_a_database(front: Front, url: str) -> None:
    """T18: a door that says nothing of the database's trouble itself answers 503 and when to come back, never 500.

    Killed by: leaving `_trouble` out of FrontDoor.app.
    """
    away = Database(url)
    transport = httpx.ASGITransport(FrontDoor(front.door.acceptor, away, frozenset({KEY})).app())
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example.com") as http:
        answer = await http.get("/outbox")
    assert (answer.status_code, answer.json()["success"]) == (503, False)
    assert int(answer.headers["retry-after"]) > 0
    await away.close()


async def test_slow_bodies(front: Front) -> None:
    """T18: while many clients send large bodies that never end, honest ones are answered as quickly as always, and what the
    others have sent is held only up to a bound: the oldest of them are given up.

    Killed by: limit_concurrency=100 in uvicorn's configuration; an Arriving without a bound, or one that gives up the newest.
    """
    await front.post("track", track("warm"))
    async with AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(connected(front)) for _ in range(SLOW)]
        seconds = []
        for number, (_, writer) in enumerate(slow):
            writer.write(f"{HEAD}Content-Length: 500000\r\n\r\n".encode() + b"a" * 490_000)
            if number % 5 == 0:
                began = time.monotonic()
                assert (await front.post("track", track(number))).status_code == 200
                seconds.append(time.monotonic() - began)
                assert EVERYWHERE.held <= EVERYWHERE.most
        assert sorted(seconds)[len(seconds) // 2] < 1
        first, last = slow[0][0], slow[-1][0]
        assert (await asyncio.wait_for(first.readline(), 20)).startswith(b"HTTP/1.1 408 ")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(last.readline(), 0.1)
    assert len(await front.stored()) == 1 + len(seconds)
