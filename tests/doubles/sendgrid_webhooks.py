"""What became of each accepted message, told as SendGrid's Event Webhook tells it: signed, in any order, more than once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ENGAGEMENT = {"ip": "198.51.100.7", "useragent": "Mozilla/5.0 (a canary)"}
MORE: dict[str, dict[str, Any]] = {
    "processed": {},
    "deferred": {"response": "451 try again later", "attempt": "2"},
    "delivered": {"response": "250 OK"},
    "open": {"sg_machine_open": False, "sg_content_type": "html", **ENGAGEMENT},
    "machine_open": {"event": "open", "sg_machine_open": True, "sg_content_type": "html", **ENGAGEMENT},
    "click": {"url": "https://shop.example.com/cart?token=a-canary", "url_offset": {"index": 0}, **ENGAGEMENT},
    "bounce": {"type": "bounce", "status": "5.1.1", "bounce_classification": "Invalid Address"},
    "blocked": {"event": "bounce", "type": "blocked", "status": "5.7.1", "bounce_classification": "Reputation"},
    "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
    "spamreport": {},
    "unsubscribe": {},
    "group_unsubscribe": {"asm_group_id": 1, **ENGAGEMENT},
}
"""What SendGrid adds to each of its events, by the word that a test uses for it."""


class Signer:
    """A key pair that signs as SendGrid does: ECDSA with SHA-256 over the timestamp and the raw body."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """The verification key as SendGrid's dashboard shows it."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def headers(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """The two headers that go with this body; `at` is Unix time."""
        timestamp = str(int(time.time() if at is None else at))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "Content-Type": "application/json",
        }


@dataclass(frozen=True)
class Message:
    """An accepted message, as far as its webhooks need it."""

    send_key: str
    message_id: str
    address: str = field(repr=False)
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """What is told of every further message: these words, each post repeated, after so many seconds.

    `first`: before the call itself is answered. `shuffled`: each word in a post of its own, in any order.
    """

    words: tuple[str, ...] = ("processed", "delivered")
    repeats: int = 1
    late: float = 0.0
    shuffled: bool = False
    first: bool = False
    seed: int = 0


def report(message: Message, word: str, *, at: float | None = None, number: int = 0, **more: Any) -> dict[str, Any]:
    """One element of a webhook; the same word of the same message is the same event unless `number` differs."""
    event_id = hashlib.sha256(f"{message.message_id}/{word}/{number}".encode()).digest()[:24]
    common = {
        "email": message.address,
        "timestamp": int(time.time() if at is None else at),
        "smtp-id": f"<{message.message_id}@geopod-ismtpd-1>",
        "category": list(message.categories),
        "sg_event_id": base64.urlsafe_b64encode(event_id).decode(),
        "sg_message_id": f"{message.message_id}.recvd-5b8-1.0",
        "send_key": message.send_key,
        "event": word,
    }
    if word in ("bounce", "blocked", "dropped"):
        common["reason"] = f"550 5.1.1 {message.address}: recipient rejected"
    return common | MORE.get(word, {}) | more


def body_of(reports: Sequence[Any]) -> bytes:
    """The raw body, with the line end that SendGrid signs too."""
    return json.dumps(reports, separators=(",", ":")).encode() + b"\r\n"


class Teller:
    """Posts to one address, and again and again until it is answered with 2xx, as SendGrid does."""

    def __init__(self, url: str, signer: Signer, rule: Rule = Rule(), *, patience: int = 40) -> None:
        self.rule = rule
        self.statuses: Counter[int] = Counter()
        """How often each status was answered; 0 is no answer."""
        self._url = url
        self._signer = signer
        self._patience = patience
        self._random = random.Random(rule.seed)
        self._http = httpx.AsyncClient(trust_env=False, timeout=30, limits=httpx.Limits(max_connections=8))
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Messages of which something is still to be told."""
        return len(self._tasks)

    async def accepted(self, message: Message) -> None:
        """A message was accepted: tell what the rule says, now or later."""
        task = asyncio.create_task(self.tell([message], self.rule.words, late=self.rule.late))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.rule.first:
            await task

    async def tell(self, messages: Sequence[Message], words: Sequence[str], *, late: float = 0.0, **more: Any) -> None:
        """Post these words about these messages by the rule's order and repetition; returns when all is taken."""
        await self._pause(late)
        reports = [report(message, word, **more) for word in words for message in messages]
        if self.rule.shuffled:
            self._random.shuffle(reports)
        posts = [[each] for each in reports] if self.rule.shuffled else [reports]
        for post in posts * self.rule.repeats:
            await self.post(post)

    async def post(self, reports: Sequence[Any]) -> None:
        """One post, repeated until it is answered with 2xx or the double is closed."""
        body = body_of(reports)
        for attempt in range(self._patience):
            try:
                answer = await self._http.post(self._url, content=body, headers=self._signer.headers(body))
                self.statuses[answer.status_code] += 1
                if answer.is_success:
                    return
            except httpx.TransportError:
                self.statuses[0] += 1
            if self._closing.is_set():
                return
            await self._pause(min(0.05 * 2**attempt, 5.0))

    async def told(self) -> None:
        """Wait until nothing is left to tell."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stop telling."""
        self._closing.set()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
