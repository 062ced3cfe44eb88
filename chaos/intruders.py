"""Requests that are meant to do harm, each of its kind, and what may be answered to it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.app import ALIASES
from ingestion.bodies import BATCH_LIMIT
from ingestion.openapi import openapi
from tests.doubles.sendgrid_webhooks import Signer

from .mutations import Bodies
from .oddities import (
    AUTHORIZATIONS,
    BAD_IDS,
    HEADERS,
    LARGE_HEADS,
    METHODS,
    NO_HTTP,
    PATH_IDS,
    PATHS,
    WRITERS,
)
from .verdict import Attack

STREAM = "/v1/inbox/stream"
READERS = ("/v1/track", "/v1/t", "/v1/identify", "/v1/page", "/v1/batch", "/v1/inbox/x/read")
"""Doors that look at what is deep in a body."""
SEGMENT, SENDGRID = "/v1/segment", "/v1/webhooks/sendgrid"
ELSEWHERE = ("X-Forwarded-For", b"203.0.113.9")
"""Says that it comes from another machine, as a proxy on this one does."""
REFUSED = frozenset({401, 403})


@dataclass(frozen=True)
class Secrets:
    """What an intruder may have got hold of: keys by what they open, one person's token, and what Segment signs with."""

    write: str
    others: Mapping[str, str]
    """By scope; also one that was taken back."""
    token: str
    segment: str
    signer: Signer


class Intruder:
    """Makes requests; their bodies name `host`, and hold the canary in everything that could be a person's."""

    def __init__(self, host: str, secrets: Secrets, canary: str, chances: random.Random) -> None:
        self.bodies = Bodies(chances, canary)
        self.secrets = secrets
        self.kinds: dict[str, tuple[float, Callable[[], Attack]]] = {
            "mutated": (36, self._mutated),
            "generated": (24, self._generated),
            "wrong_key": (13, self._wrong_key),
            "wrong_signature": (5, self._wrong_signature),
            "confused": (10, self._confused),
            "bad_id": (8, self._bad_id),
            "deep": (2, self._deep),
            "bomb": (1, self._bomb),
            "limit": (0.5, self._limit),
            "large_head": (2, self._large_head),
            "no_http": (3, self._no_http),
        }
        """Each with its share of a hundred."""
        self._host = host.encode()
        self._canary = canary
        self._chances = chances
        self._number = 0
        self._bombs = [gzip.compress(b" " * 50_000_000), gzip.compress(gzip.compress(b"[" * 20_000_000))]
        self._doors = [
            (path, method, operation) for path, told in openapi()["paths"].items() for method, operation in told.items()
        ]
        self._shorts = {f"/v1/{short}": f"/v1/{kind}" for kind, names in ALIASES.items() for short in names}

    def raw(
        self, method: str, path: str, body: bytes = b"", *headers: tuple[str, bytes], key: str | None = None
    ) -> bytes:
        """The bytes of a request."""
        lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: " + self._host]
        lines += [] if key is None else [b"Authorization: Bearer " + key.encode()]
        lines += [name.encode() + b": " + value for name, value in headers]
        lines += [b"Content-Length: %d" % len(body)] if body or method == "POST" else []
        return b"\r\n".join([*lines, b"", body])

    def _odd(self) -> list[tuple[str, bytes]]:
        """Now and then a header that means something somewhere, and holds something else."""
        if self._chances.random() < 0.6:
            return []
        found = self._chances.sample(HEADERS, self._chances.randrange(1, 3))
        return [(name, self._chances.choice(values)) for name, values in found]

    def _mutated(self) -> Attack:
        path = self._chances.choice(WRITERS)
        body = self.bodies.written(self.bodies.mutated(self.bodies.of(path)))
        statuses = documented(openapi()["paths"][self._shorts.get(path, path)]["post"])
        return Attack(self.raw("POST", path, body, *self._odd(), key=self.secrets.write), path, statuses)

    def _generated(self) -> Attack:
        path, method, operation = self._chances.choice(self._doors)
        content = operation.get("requestBody", {}).get("content", {})
        body = b""
        if content and self._chances.random() < 0.95:
            (told,) = content.values()
            body = self.bodies.written(self.bodies.mutated(self.bodies.drawn(told["schema"])))
        headers = self._odd()
        if path == SEGMENT and self._chances.random() < 0.7:
            signature = hmac.new(self.secrets.segment.encode(), body, hashlib.sha1).hexdigest()
            headers.append(("x-signature", signature.encode()))
        if path == SENDGRID and self._chances.random() < 0.7:
            headers += [(name, value.encode()) for name, value in self.secrets.signer.headers(body).items()]
        key = self.secrets.token if {"person": []} in operation.get("security", ()) else self.secrets.write
        if path == STREAM:
            key = self._canary  # those that are let in are somewhere else
        path = path.replace("{user_id}", self._chances.choice([*PATH_IDS, self.bodies.person(), self._canary]))
        return Attack(self.raw(method.upper(), path, body, *headers, key=key), path, documented(operation))

    def _wrong_key(self) -> Attack:
        self._number += 1
        dice, others = self._chances, self.secrets.others
        event = self.bodies.track(f"intruder-{self._number}")
        guarded: list[tuple[str, str, Any, tuple[str, ...]]] = [
            *(("POST", path, event, ("read", "metrics")) for path in ("/v1/track", "/v1/identify", "/v1/i", "/v1/alias")),
            ("POST", "/v1/batch", {"batch": [event], "writeKey": dice.choice([None, 7, [], self._canary])}, ("read",)),
            *(("POST", path, self.bodies.of(path) | mine, ("read", "metrics")) for path, mine in self._own_ids()),
            ("GET", f"/v1/people/{self._canary}", None, ("browser", "metrics")),
            ("GET", f"/v1/inbox/{self._canary}", None, ("browser", "metrics")),
            ("POST", f"/v1/inbox/{self._canary}/read", {"ids": ["x"]}, ("browser",)),
            ("POST", f"/v1/inbox/{self._canary}/token", {}, ("browser", "metrics")),
            *((verb, f"/v1/inbox{door}", {"ids": ["x"]}, ("read",)) for verb, door in
              (("GET", ""), ("GET", "/stream"), ("POST", "/seen"), ("POST", "/clicked"))),
            ("GET", "/outbox", None, ("browser", "metrics")),
            ("GET", "/metrics", None, ("browser", "read")),
        ]  # fmt: skip
        method, path, body, closed_to = dice.choice(guarded)
        if path == "/v1/inbox/stream":
            closed_to = ("browser",)  # to a key that reads it is the inbox of somebody with that very id
        keys = [f"Bearer {others[scope]}".encode() for scope in (*closed_to, "revoked")]
        keys += [f"Basic {base64.b64encode(f'{others[scope]}:'.encode()).decode()}".encode() for scope in closed_to]
        key = dice.choice([None, f"Bearer jm_{self._canary}".encode(), *keys, *AUTHORIZATIONS])
        headers = [ELSEWHERE] + ([] if key is None else [("Authorization", key)])
        raw = self.raw(method, path, b"" if body is None else json.dumps(body).encode(), *headers)
        return Attack(raw, path, REFUSED)

    def _own_ids(self) -> list[tuple[str, dict[str, str]]]:
        """Where a message's id stands at the doors for other senders."""
        mine = f"intruder-{self._number}"
        return [("/v1/events", {"id": mine}), ("/v1/tealium", {"event_id": mine}), ("/v1/tags", {"event_id": mine})]

    def _wrong_signature(self) -> Attack:
        self._number += 1
        dice = self._chances
        body = json.dumps(self.bodies.track(f"intruder-{self._number}")).encode()
        if dice.random() < 0.5:
            right = hmac.new(self.secrets.segment.encode(), body, hashlib.sha1).hexdigest()
            others = [right[:-1], right.upper(), "", self._canary, "0" * 40, "é" * 20, right + "0", "x" * 5000]
            wrong = dice.choice([hmac.new(b"another", body, hashlib.sha1).hexdigest(), *others])
            return Attack(self.raw("POST", SEGMENT, body, ("x-signature", wrong.encode())), SEGMENT, REFUSED)
        headers = dice.choice([Signer(), self.secrets.signer]).headers(body)
        name = dice.choice([*headers][:2])
        headers[name] = dice.choice(["", "AAAA", "x" * 4000, self._canary, "é", "9" * 30, headers[name][:-5] + "AAAA="])
        pairs = [(name, value.encode()) for name, value in headers.items()]
        return Attack(self.raw("POST", SENDGRID, body, *pairs), SENDGRID, REFUSED)

    def _confused(self) -> Attack:
        """The right thing at the wrong door, or in the wrong way."""
        dice = self._chances
        method, path = dice.choice(METHODS), dice.choice([*PATHS, *(door[0] for door in self._doors)])
        path = path.replace("{user_id}", dice.choice(PATH_IDS)).replace("{canary}", self._canary)
        if path == STREAM:
            path += "/"
        body = dice.choice([b"", b"", self.bodies.written(self.bodies.of(dice.choice(WRITERS))), b"\0" * 100])
        headers = [*self._odd(), *self._odd()]
        raw = self.raw(method, path, body, *headers, key=dice.choice([None, self.secrets.write]))
        return Attack(raw, path, head=method == "HEAD", alone=method == "CONNECT", may_close=method == "CONNECT")

    def _bad_id(self) -> Attack:
        dice = self._chances
        if dice.random() < 0.3:
            path = f"{dice.choice(['/v1/people/', '/v1/inbox/'])}{dice.choice(BAD_IDS)[1]}"
            return Attack(self.raw("GET", path, key=self.secrets.write), path, frozenset({400, 404}))
        path = dice.choice(["/v1/track", "/v1/identify", "/v1/alias"])
        name = dice.choice(["userId", "anonymousId", "messageId"] + ["previousId"] * (path == "/v1/alias"))
        body = self.bodies.track() | ({"anonymousId": None} if name == "previousId" else {})
        raw = json.dumps(body | {name: dice.choice(BAD_IDS)[0]}).encode()
        return Attack(self.raw("POST", path, raw, key=self.secrets.write), path, frozenset({400}))

    def _deep(self) -> Attack:
        dice = self._chances
        levels, path = dice.choice([55, 300, 5_000, 80_000]), dice.choice(READERS)
        opening, closing = dice.choice([(b"[", b"]"), (b'{"a":', b"}"), (b"[[", b"")])
        body = b'{"userId":"x","event":"x","properties":{"a":' + opening * levels + b"1" + closing * levels + b"}}"
        statuses = frozenset({400, 413})
        return Attack(self.raw("POST", path, body, key=self.secrets.write), path, statuses)

    def _bomb(self) -> Attack:
        path, bomb = self._chances.choice(WRITERS), self._chances.choice(self._bombs)
        bomb = self._chances.choice([bomb, bomb[:-10], bomb + bomb, bomb[: len(bomb) // 2]])
        body = self.raw("POST", path, bomb, ("Content-Encoding", b"gzip"), key=self.secrets.write)
        return Attack(body, path, frozenset({400, 413}))

    def _limit(self) -> Attack:
        """Just as much as is taken, or one byte more."""
        path, dice = "/v1/batch", self._chances
        more = dice.choice([0, 1])
        many = [self.bodies.track(properties={"x": "x" * 62_000}) for _ in range(8)]
        batch = dice.choice([many, [self.bodies.track()]])
        body = json.dumps({"batch": batch}).encode()
        body = body.rjust(BATCH_LIMIT + more)
        if dice.random() < 0.3:
            body, more = json.dumps({"batch": [{"userId": "u"}] * 1001}).encode(), 1
        if dice.random() < 0.3 and not more:
            body = gzip.compress(body, 1)
        return Attack(self.raw("POST", path, body, key=self.secrets.write), path, frozenset({413 if more else 200}))

    def _large_head(self) -> Attack:
        head = self._chances.choice(LARGE_HEADS)
        return Attack(
            self.raw("POST", "/v1/track", b"{}", *head), statuses=frozenset({400}), may_close=True, alone=True
        )

    def _no_http(self) -> Attack:
        raw = self._chances.choice(NO_HTTP).replace(b"{canary}", self._canary.encode()).replace(b"{host}", self._host)
        return Attack(raw, may_close=True, alone=True)


def documented(operation: Mapping[str, Any]) -> frozenset[int]:
    """The statuses that the OpenAPI document names."""
    return frozenset(map(int, operation["responses"]))
