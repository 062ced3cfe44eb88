"""A SendGrid on the loopback that answers as told: a real HTTP server for tests, benchmarks and chaos."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.doubles.listening import Listening, Request
from tests.doubles.script import Script
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


class SendGridDouble(Listening, Script[Behaviour, Call]):
    """`async with SendGridDouble() as double:` serves POST /v3/mail/send at `double.url`.

    Each call takes the next scripted behaviour, else one drawn by `mix`, else `otherwise`. What becomes of accepted
    messages is told to the address given to `tells`, signed with the key whose public half is `signer.public_key`.
    """

    def __init__(
        self, *, api_key: str = "SG.double", port: int = 0, otherwise: Behaviour = ACCEPT, keep_bodies: bool = True
    ) -> None:
        Listening.__init__(self, port=port)
        Script.__init__(self, otherwise)
        self.api_key = api_key
        self.keep_bodies = keep_bodies
        self.accepted: Counter[str] = Counter()
        """Accepted calls by send_key; more than one is a message sent twice."""
        self.rejected: list[tuple[int, str | None]] = []
        """Status and field of each call that was malformed or had the wrong key."""
        self.messages: dict[str, Message] = {}
        """The last accepted message of each send_key."""
        self.signer = Signer()
        self.teller: Teller | None = None

    @property
    def url(self) -> str:
        """What to give a client as its host."""
        return f"http://127.0.0.1:{self.port}"

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

    async def close(self) -> None:
        """Refuse connections from now on, cut those that are open, and tell nothing more."""
        self.closing.set()
        if self.teller is not None:
            await self.teller.close()
        await super().close()

    async def request(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        monotonic, at = time.monotonic(), time.time()

        body, fault = self._judge(request)
        if body is None:
            self.rejected.append(fault)
            return await self._answer(writer, request.headers, *fault)

        send_key = body["personalizations"][0]["custom_args"]["send_key"]
        message_id = hashlib.sha256(f"{send_key}/{len(self.calls)}".encode()).hexdigest()[:22]
        behaviour = self.next_behaviour()
        if behaviour.accepts:
            self.accepted[send_key] += 1
            address = body["personalizations"][0]["to"][0]["email"]
            message = Message(send_key, message_id, address, tuple(body.get("categories", ())))
            self.messages[send_key] = message
        await self.take(Call(monotonic, at, send_key, behaviour, message_id, body if self.keep_bodies else None))
        if behaviour.accepts and self.teller is not None and self.teller.rule.words:
            await self.teller.accepted(self.messages[send_key])
        if behaviour.holds or behaviour.after:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), None if behaviour.holds else behaviour.after)
        if behaviour.status is None or self.closing.is_set():
            return False
        extra = {"X-Message-Id": message_id} if behaviour.status == 202 else {}
        if behaviour.reset_in is not None:
            extra |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(round(at + behaviour.reset_in))}
        return await self._answer(writer, request.headers, behaviour.status, behaviour.field, extra)

    def _judge(self, request: Request) -> tuple[dict[str, Any] | None, tuple[int, str | None]]:
        """The body, or else the status and the field of what is wrong with the call."""
        if (request.method, request.path) != ("POST", "/v3/mail/send"):
            return None, (404, None)
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return None, (401, None)
        try:
            body = json.loads(request.body)
        except ValueError:
            return None, (400, None)
        for error in SHAPE.iter_errors(body):
            return None, (400, ".".join(map(str, error.absolute_path)) or None)
        return body, (202, None)

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
