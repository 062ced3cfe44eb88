"""A program that is called by webhooks, on the loopback: it checks signatures with the standard's own library, and drops repeats."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True)
class Behaviour:
    """What becomes of one call."""

    status: int | None = 204
    """None: nothing is answered."""
    accepts: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    holds: bool = False
    """The connection stays open until the double is closed."""
    body: bytes = b""
    """Without a Content-Length where `holds`: an answer without an end."""


ACCEPT = Behaviour(204, accepts=True)
SERVER_ERROR = Behaviour(500)
ERROR_AFTER_ACCEPT = Behaviour(502, accepts=True)
CUT = Behaviour(None)
CUT_AFTER_ACCEPT = Behaviour(None, accepts=True)
HANG = Behaviour(None, holds=True)
ENDLESS = Behaviour(200, accepts=True, holds=True, body=b"x")


def answer(status: int, **headers: str) -> Behaviour:
    """That status; `retry_after="7"` is the header Retry-After."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return Behaviour(status, accepts=200 <= status < 300, headers=named)


@dataclass(frozen=True)
class Call:
    """One call with a good signature."""

    id: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    payload: Any = field(repr=False)


class WebhookDouble:
    """`async with WebhookDouble(secret) as double:` takes calls at `double.url`; each takes the next scripted behaviour."""

    def __init__(self, secret: str, *, otherwise: Behaviour = ACCEPT, tls: ssl.SSLContext | None = None) -> None:
        self.otherwise = otherwise
        self.calls: list[Call] = []
        self.forged = 0
        """Calls whose signature, or time, was not right; they were answered 401."""
        self.accepted: Counter[str] = Counter()
        """How often each id was accepted; the receiver acts on the first only."""
        self.connections = 0
        self._verifier = Webhook(secret)
        self._script: deque[Behaviour] = deque()
        self._tls = tls
        self._arrival = asyncio.Condition()
        self._closing = asyncio.Event()
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where to call it."""
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}/hooks"

    def script(self, *behaviours: Behaviour) -> None:
        """What becomes of the next calls, one each."""
        self._script.extend(behaviours)

    async def arrived(self, calls: int) -> None:
        """Wait until so many calls are in `calls`."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.calls) >= calls)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connection, "localhost", 0, ssl=self._tls, backlog=128)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()
        await asyncio.gather(*self._open.values())
        await self._server.wait_closed()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[writer] = task
        self.connections += 1
        try:
            while not self._closing.is_set() and await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # the client went away, which is its right
        finally:
            writer.close()
            del self._open[writer]

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; true where the connection stays open for another."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }
        body = await reader.readexactly(int(headers.get("content-length") or 0))
        method, path, _ = first.split(" ", 2)
        assert method == "POST"
        try:
            payload = self._verifier.verify(body, headers)
        except WebhookVerificationError:
            self.forged += 1
            return await self._answer(writer, Behaviour(401))
        behaviour = self._script.popleft() if self._script else self.otherwise
        if behaviour.accepts:
            self.accepted[headers["webhook-id"]] += 1
        async with self._arrival:
            self.calls.append(Call(headers["webhook-id"], path, headers, payload))
            self._arrival.notify_all()
        return await self._answer(writer, behaviour)

    async def _answer(self, writer: asyncio.StreamWriter, behaviour: Behaviour) -> bool:
        if behaviour.status is not None:
            length = {} if behaviour.holds else {"Content-Length": str(len(behaviour.body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in {**length, **behaviour.headers}.items())
            writer.write(f"HTTP/1.1 {behaviour.status} As-Told\r\n{head}\r\n".encode("latin-1") + behaviour.body)
            await writer.drain()
        if behaviour.holds:
            await self._closing.wait()
        return behaviour.status is not None and not behaviour.holds
