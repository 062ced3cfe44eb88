"""A SendGrid on the loopback that answers as told: a real HTTP server for tests, benchmarks and chaos."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from tests.doubles.sendgrid_behaviour import (
    ACCEPT,
    CUT_AFTER_ACCEPT,
    ERROR_AFTER_ACCEPT,
    FORBIDDEN,
    HANG,
    REFUSE,
    SERVER_ERROR,
    TOO_LARGE,
    Behaviour,
    delay,
    rate_limited,
)
from tests.doubles.sendgrid_body import MAIL_SEND, SHAPE
from tests.doubles.sendgrid_webhooks import Message, Rule, Signer, Teller

__all__ = [
    "ACCEPT",
    "CUT_AFTER_ACCEPT",
    "ERROR_AFTER_ACCEPT",
    "FORBIDDEN",
    "HANG",
    "MAIL_SEND",
    "REFUSE",
    "SERVER_ERROR",
    "TOO_LARGE",
    "Behaviour",
    "Call",
    "Message",
    "Rule",
    "SendGridDouble",
    "delay",
    "rate_limited",
]


@dataclass(frozen=True)
class Call:
    """One well-formed call with the right key; `monotonic` and `at` (Unix time) are its arrival."""

    monotonic: float
    at: float
    send_key: str
    behaviour: Behaviour
    message_id: str
    body: dict[str, Any] | None = field(default=None, repr=False)


class SendGridDouble:
    """`async with SendGridDouble() as double:` serves POST /v3/mail/send at `double.url`.

    Each call takes the next scripted behaviour, else one drawn by `mix`, else `otherwise`. What becomes of accepted
    messages is told to the address given to `tells`, signed with the key whose public half is `signer.public_key`.
    """

    def __init__(
        self, *, api_key: str = "SG.double", port: int = 0, otherwise: Behaviour = ACCEPT, keep_bodies: bool = True
    ) -> None:
        self.api_key = api_key
        self.port = port
        self.otherwise = otherwise
        self.keep_bodies = keep_bodies
        self.accepted: Counter[str] = Counter()
        """Accepted calls by send_key; more than one is a message sent twice."""
        self.calls: list[Call] = []
        self.rejected: list[tuple[int, str | None]] = []
        """Status and field of each call that was malformed or had the wrong key."""
        self.messages: dict[str, Message] = {}
        """The last accepted message of each send_key."""
        self.signer = Signer()
        self.teller: Teller | None = None
        self._script: deque[Behaviour] = deque()
        self._mix: list[tuple[Behaviour, float]] = []
        self._random = random.Random(0)
        self._closing = asyncio.Event()
        self._arrival = asyncio.Condition()
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """What to give a client as its host."""
        return f"http://127.0.0.1:{self.port}"

    def script(self, *behaviours: Behaviour) -> None:
        """What becomes of the next calls, one each."""
        self._script.extend(behaviours)

    def mix(self, shares: Mapping[Behaviour, float], *, seed: int = 0) -> None:
        """Draw a behaviour for each further call; shares are probabilities, and the rest goes to `otherwise`."""
        self._mix, self._random = list(shares.items()), random.Random(seed)

    async def tells(self, url: str, rule: Rule = Rule(words=())) -> None:
        """From now on post webhooks to this address: by the rule for each accepted message, and what `tell` asks for."""
        if self.teller is not None:
            await self.teller.close()
        self.teller = Teller(url, self.signer, rule)

    async def tell(self, send_key: str | Sequence[str], *words: str, **more: Any) -> None:
        """Post these words about these accepted messages; returns when they are taken."""
        assert self.teller is not None, "say to whom first: tells(url)"
        keys = [send_key] if isinstance(send_key, str) else send_key
        await self.teller.tell([self.messages[key] for key in keys], words, **more)

    async def arrived(self, calls: int) -> None:
        """Wait until so many calls are in `calls`."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.calls) >= calls)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Refuse connections from now on and cut those that are open."""
        self._closing.set()
        if self.teller is not None:
            await self.teller.close()
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
        try:
            while not self._closing.is_set() and await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
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
        payload = await reader.readexactly(int(headers.get("content-length") or 0))
        monotonic, at = time.monotonic(), time.time()

        body, fault = self._judge(first, headers, payload)
        if body is None:
            self.rejected.append(fault)
            return await self._answer(writer, headers, *fault)

        send_key = body["personalizations"][0]["custom_args"]["send_key"]
        message_id = hashlib.sha256(f"{send_key}/{len(self.calls)}".encode()).hexdigest()[:22]
        behaviour = self._behaviour()
        self.calls.append(Call(monotonic, at, send_key, behaviour, message_id, body if self.keep_bodies else None))
        if behaviour.accepts:
            self.accepted[send_key] += 1
            address = body["personalizations"][0]["to"][0]["email"]
            message = Message(send_key, message_id, address, tuple(body.get("categories", ())))
            self.messages[send_key] = message
        async with self._arrival:
            self._arrival.notify_all()
        if behaviour.accepts and self.teller is not None and self.teller.rule.words:
            await self.teller.accepted(self.messages[send_key])
        if behaviour.holds or behaviour.after:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), None if behaviour.holds else behaviour.after)
        if behaviour.status is None or self._closing.is_set():
            return False
        extra = {"X-Message-Id": message_id} if behaviour.status == 202 else {}
        if behaviour.reset_in is not None:
            extra |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(round(at + behaviour.reset_in))}
        return await self._answer(writer, headers, behaviour.status, behaviour.field, extra)

    def _judge(
        self, first: str, headers: Mapping[str, str], payload: bytes
    ) -> tuple[dict[str, Any] | None, tuple[int, str | None]]:
        """The body, or else the status and the field of what is wrong with the call."""
        method, path, _ = first.split(" ", 2)
        if (method, path) != ("POST", "/v3/mail/send"):
            return None, (404, None)
        if headers.get("authorization") != f"Bearer {self.api_key}":
            return None, (401, None)
        try:
            body = json.loads(payload)
        except ValueError:
            return None, (400, None)
        for error in SHAPE.iter_errors(body):
            return None, (400, ".".join(map(str, error.absolute_path)) or None)
        return body, (202, None)

    def _behaviour(self) -> Behaviour:
        if self._script:
            return self._script.popleft()
        drawn = self._random.random() if self._mix else 0.0
        for behaviour, share in self._mix:
            if drawn < share:
                return behaviour
            drawn -= share
        return self.otherwise

    async def _answer(
        self,
        writer: asyncio.StreamWriter,
        asked: Mapping[str, str],
        status: int,
        blamed: str | None,
        extra: Mapping[str, str] | None = None,
    ) -> bool:
        error = {"message": "as scripted", "field": blamed, "help": None}
        text = b"" if status == 202 else json.dumps({"errors": [error]}).encode()
        last = asked.get("connection", "").lower() == "close"
        headers = {"Content-Type": "application/json", "Content-Length": str(len(text)), **(extra or {})}
        headers["Connection"] = "close" if last else "keep-alive"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode("latin-1") + text)
        await writer.drain()
        return not last
