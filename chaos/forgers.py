"""Webhooks that did not come from the provider, or not as it sent them; none may change anything."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from tests.doubles.sendgrid import Message
from tests.doubles.sendgrid_webhooks import Signer, body_of, report

WORDS = ("processed", "delivered", "open", "click", "bounce", "dropped", "spamreport", "unsubscribe")
LARGE = 1024 * 1024 + 1
AGES = (-86_400, -3_600, -660, 660, 3_600)
"""Seconds between the signed time and ours; the front door allows ten minutes."""


class Forger:
    """Posts what must be refused, about messages that nobody has truly told of."""

    def __init__(self, url: str, signer: Signer, victims: Sequence[Message], chances: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._url = url
        self._signer = signer
        self._victims = victims
        self._chances = chances
        self._kinds = {
            "bad_signature": self._badly_signed,
            "another_key": self._by_another_key,
            "changed_body": self._changed,
            "unsigned": self._unsigned,
            "old_or_future": self._at_another_time,
            "cut_in_the_body": self._cut,
            "cut_on_the_wire": self._hung_up,
            "too_large": self._large,
            "no_list": self._nonsense,
        }
        self._http = httpx.AsyncClient(trust_env=False, timeout=60)

    @property
    def kinds(self) -> list[str]:
        """What it can do."""
        return [*self._kinds]

    async def close(self) -> None:
        await self._http.aclose()

    async def post(self, kind: str) -> None:
        """One post of that kind; anything but a refusal below 500 is a problem."""
        status = await self._kinds[kind]()
        self.counts[kind] += 1
        if status == 0 or 400 <= status < 500:
            return
        self.problems.append(f"{kind} was answered with {status}")

    def _body(self) -> bytes:
        some = self._chances.sample(self._victims, min(3, len(self._victims)))
        return body_of([report(message, self._chances.choice(WORDS), number=self._number()) for message in some])

    def _number(self) -> int:
        return self._chances.randrange(1, 1_000_000)

    async def _badly_signed(self) -> int:
        body = self._body()
        headers = self._signer.headers(body)
        name = "X-Twilio-Email-Event-Webhook-Signature"
        right = headers[name]
        wrong = base64.b64encode(self._chances.randbytes(71)).decode()
        headers[name] = self._chances.choice([right[:-6] + "AAAA==", right[:10], "é".encode().hex(), "x" * 4000, wrong])
        return await self._send(body, headers)

    async def _by_another_key(self) -> int:
        body = self._body()
        return await self._send(body, Signer().headers(body))

    async def _changed(self) -> int:
        body = self._body()
        return await self._send(body.replace(b"event", b"event ", 1), self._signer.headers(body))

    async def _unsigned(self) -> int:
        return await self._send(self._body(), {"Content-Type": "application/json"})

    async def _at_another_time(self) -> int:
        body = self._body()
        return await self._send(body, self._signer.headers(body, time.time() + self._chances.choice(AGES)))

    async def _cut(self) -> int:
        body = self._body()
        return await self._send(body[: self._chances.randrange(len(body) - 2)], self._signer.headers(body))

    async def _hung_up(self) -> int:
        """A body that ends before its length; the connection is closed without waiting for an answer."""
        body, place = self._body(), urlsplit(self._url)
        lines = {"Host": str(place.hostname), "Content-Length": str(len(body)), **self._signer.headers(body)}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        try:
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(f"POST {place.path} HTTP/1.1\r\n{head}\r\n".encode() + body[: len(body) // 2])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except OSError:
            pass
        return 0

    async def _large(self) -> int:
        body = self._body().rstrip()
        body = body[:-1] + b"," + json.dumps({"padding": "x" * LARGE}).encode() + b"]\r\n"
        return await self._send(body, self._signer.headers(body))

    async def _nonsense(self) -> int:
        """Rightly signed, and no list of events."""
        body = self._chances.choice([b"", b"{}", b"null", b"[" * 50_000, b"\xff\xfe", b'{"event":"delivered"}', b"NaN"])
        return await self._send(body, self._signer.headers(body))

    async def _send(self, body: bytes, headers: dict[str, str]) -> int:
        try:
            return (await self._http.post(self._url, content=body, headers=headers)).status_code
        except httpx.TransportError:
            return 0
