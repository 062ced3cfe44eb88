"""The door through which Segment's own webhooks come in: signed, one message each."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from errors import EventError

from .answers import problem
from .incoming import Incoming
from .intake import Intake
from .segment import Call, messages

PATH = "/v1/segment"
SIGNATURE = "x-signature"
UNSET = (
    "Segment's webhooks are not received here: set JOURNEYMAN_SEGMENT_SECRET to the shared secret of the destination."
)


def segment_webhook_routes(intake: Intake, secret: str) -> list[Route]:
    """`POST /v1/segment`; without a secret nothing is taken."""

    def signed(headers: Mapping[str, str], raw: bytes) -> bool:
        if raw.lstrip()[:1] == b"[":
            raise EventError("Segment signs no more than the first event of a batch: set the batch size to 0 there.")
        wanted = hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest()
        return hmac.compare_digest(headers.get(SIGNATURE, "").encode(errors="replace"), wanted.encode())

    async def door(request: Request) -> Response:
        if not secret:
            return problem(404, UNSET)
        return await intake.take(request, forwarded, signed=signed)

    return [Route(PATH, door, methods=["POST"])]


def forwarded(body: Mapping[str, Any], call: Call) -> list[Incoming | EventError]:
    """One message that Segment passes on.

    Its `timestamp` has no skew any more, and what lies between `sentAt` and now may be Segment's own retries. The
    connection is Segment's: neither its address nor its headers are the person's.
    """
    message = {name: value for name, value in body.items() if name not in ("sentAt", "originalTimestamp")}
    return messages({"batch": [message]}, replace(call, peer=None, headers={}))
