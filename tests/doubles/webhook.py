"""A program that is called by webhooks, on the loopback: it checks signatures with the standard's own library, and drops repeats."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.doubles.listening import Listening, Request
from tests.doubles.script import Script


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


class WebhookDouble(Listening, Script[Behaviour, Call]):
    """`async with WebhookDouble(secret) as double:` takes calls at `double.url`; each takes the next scripted behaviour."""

    def __init__(self, secret: str, *, otherwise: Behaviour = ACCEPT, tls: ssl.SSLContext | None = None) -> None:
        Listening.__init__(self, "localhost", tls=tls)
        Script.__init__(self, otherwise)
        self.forged = 0
        """Calls whose signature, or time, was not right; they were answered 401."""
        self.accepted: Counter[str] = Counter()
        """How often each id was accepted; the receiver acts on the first only."""
        self._verifier = Webhook(secret)
        self._scheme = "https" if tls else "http"

    @property
    def url(self) -> str:
        """Where to call it."""
        return f"{self._scheme}://localhost:{self.port}/hooks"

    async def request(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        assert request.method == "POST"
        try:
            payload = self._verifier.verify(request.body, dict(request.headers))
        except WebhookVerificationError:
            self.forged += 1
            return await self._answer(writer, Behaviour(401))
        behaviour = self.next_behaviour()
        send_key = request.headers["webhook-id"]
        if behaviour.accepts:
            self.accepted[send_key] += 1
        await self.take(Call(send_key, request.path, request.headers, payload))
        return await self._answer(writer, behaviour)

    async def _answer(self, writer: asyncio.StreamWriter, behaviour: Behaviour) -> bool:
        if behaviour.status is not None:
            length = {} if behaviour.holds else {"Content-Length": str(len(behaviour.body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in {**length, **behaviour.headers}.items())
            writer.write(f"HTTP/1.1 {behaviour.status} As-Told\r\n{head}\r\n".encode("latin-1") + behaviour.body)
            await writer.drain()
        if behaviour.holds:
            await self.closing.wait()
        return behaviour.status is not None and not behaviour.holds
