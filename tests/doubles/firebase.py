"""A Firebase Cloud Messaging on the loopback that answers as told, and the devices on which its messages are seen."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from openapi_schema_validator import OAS31Validator

from tests.doubles.firebase_behaviour import ACCEPT, UNREGISTERED, Behaviour
from tests.doubles.google import Google, Reply, reply
from tests.doubles.listening import Request
from tests.doubles.script import Script

SCOPES = {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
PAYLOAD = 4096
"""Bytes that the message itself may have."""


@dataclass(frozen=True)
class Call:
    """One well-formed call with a valid access token; `monotonic` is its arrival."""

    monotonic: float
    send_key: str
    behaviour: Behaviour
    name: str
    message: dict[str, Any] = field(repr=False)


def _closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


_TEXT = {"type": "string", "minLength": 1}
_FID = {"type": "string", "pattern": r"^[cdef][\w-]{21}$"}
_TAG = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_HTTPS = {"type": "string", "pattern": r"^https://\S+$"}
_SECONDS = {"type": "string", "pattern": "^[0-9]+$"}

MESSAGE = _closed(
    ("notification", "data", "android", "apns", "webpush", "fcm_options"),
    token={"type": "string", "pattern": r"^[\w:-]{1,4096}$", "not": _FID},
    fid=_FID,
    notification=_closed(("title", "body"), title=_TEXT, body=_TEXT, image=_HTTPS),
    data=_closed(("send_key", "template"), send_key=_TEXT, template=_TEXT, link=_TEXT),
    android=_closed(
        ("collapse_key", "priority", "notification"),
        collapse_key=_TAG,
        priority={"enum": ["normal", "high"]},
        ttl={"type": "string", "pattern": "^[0-9]+s$"},
        notification=_closed(("tag",), tag=_TAG),
    ),
    apns=_closed(
        ("headers", "payload"),
        headers=_closed(
            ("apns-collapse-id",),
            **{"apns-collapse-id": {"type": "string", "minLength": 1, "maxLength": 64}, "apns-expiration": _SECONDS},
        ),
        payload=_closed(("aps",), aps=_closed((), **{"thread-id": _TEXT, "mutable-content": {"const": 1}})),
    ),
    webpush=_closed(
        ("notification",),
        headers=_closed(("TTL",), TTL=_SECONDS),
        notification=_closed(("tag",), tag=_TAG, icon=_HTTPS),
        fcm_options=_closed(("link",), link=_HTTPS),
    ),
    fcm_options=_closed(
        ("analytics_label",), analytics_label={"type": "string", "pattern": r"^[a-zA-Z0-9\-_.~%]{1,50}$"}
    ),
) | {"oneOf": [{"required": ["token"]}, {"required": ["fid"]}]}
"""What we send, narrower than what Firebase takes: an unknown field is a mistake of ours."""

_SHAPE = OAS31Validator(_closed(("message",), message=MESSAGE))


class FirebaseDouble(Google, Script[Behaviour, Call]):
    """`async with FirebaseDouble() as double:` serves POST https://fcm.googleapis.com/v1/projects/{project}/messages:send.

    Each call takes the next scripted behaviour, else one drawn by `mix`, else `otherwise`; a message to an address in
    `gone` is always unregistered.
    """

    def __init__(self, *, project: str = "shop-double", otherwise: Behaviour = ACCEPT) -> None:
        Google.__init__(self, project)
        Script.__init__(self, otherwise)
        self.hosts["fcm.googleapis.com"] = self._send
        self.gone: set[str] = set()
        self.accepted: Counter[str] = Counter()
        """Accepted calls by send_key; more than one is a message handed over twice, if not seen twice."""
        self.rejected: list[tuple[int, str]] = []
        """Status and field of each call that was malformed or had no valid access token."""
        self._drawers: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)

    def visible(self, address: str, send_key: str) -> int:
        """How many copies of it somebody sees: on Android, on iOS or in a browser, wherever there are most."""
        shown = [Counter(drawer.values()) for (_, owner), drawer in self._drawers.items() if owner == address]
        return max((keys[send_key] for keys in shown), default=0)

    async def _send(self, request: Request) -> Reply | None:
        monotonic = time.monotonic()
        message, fault = self._judge(request)
        if message is None:
            self.rejected.append((fault.status or 0, fault.field))
            return reply(fault.status or 0, fault.body)
        send_key, address = message["data"]["send_key"], message.get("token") or message["fid"]
        behaviour = UNREGISTERED if address in self.gone else self.next_behaviour()
        name = f"projects/{self.project}/messages/{len(self.calls):022x}"
        if behaviour.accepts:
            self.accepted[send_key] += 1
            self._show(address, send_key, name, message)
        await self.take(Call(monotonic, send_key, behaviour, name, message))
        if behaviour.holds or behaviour.after:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), None if behaviour.holds else behaviour.after)
        if behaviour.status is None:
            return None
        if behaviour.accepts and behaviour.status == 200:
            return reply(200, {"name": name})
        headers = {"retry_after": behaviour.retry_after} if behaviour.retry_after else {}
        return reply(behaviour.status, behaviour.body, **headers)

    def _show(self, address: str, send_key: str, name: str, message: dict[str, Any]) -> None:
        """What each kind of device does with it: one tag, one notification; without a tag, one more each time."""
        tags = {
            "android": message["android"]["notification"].get("tag"),
            "ios": message["apns"]["headers"].get("apns-collapse-id"),
            "browser": message["webpush"]["notification"].get("tag"),
        }
        for platform, tag in tags.items():
            self._drawers[platform, address][tag or name] = send_key

    def _judge(self, request: Request) -> tuple[dict[str, Any] | None, Behaviour]:
        """The message, or else what is wrong with the call."""
        if (request.method, request.path) != ("POST", f"/v1/projects/{self.project}/messages:send"):
            return None, Behaviour("no_such_path", 404, "NOT_FOUND")
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return None, Behaviour("no_token", 401, "UNAUTHENTICATED")
        if SCOPES.isdisjoint(self.sign_ins[-1]["scope"].split()):
            return None, Behaviour("no_scope", 403, "PERMISSION_DENIED")
        body = json.loads(request.body)
        for error in _SHAPE.iter_errors(body):
            place = ".".join(map(str, error.absolute_path)) or "message"
            return None, Behaviour("malformed", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field=place)
        message: dict[str, Any] = body["message"]
        if len(json.dumps([message["notification"], message["data"]]).encode()) > PAYLOAD:
            return None, Behaviour("too_big", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message")
        return message, ACCEPT
