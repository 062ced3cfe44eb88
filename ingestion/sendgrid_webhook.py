"""The door through which SendGrid's Event Webhook comes in: who is let in, and what is answered."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from errors import EventError
from storage.database import UNREACHABLE

from .answers import problem, refused
from .bodies import read_body
from .deliveries import Deliveries
from .reports import Report, read_report
from .signature import WebhookKey

PATH = "/v1/webhooks/sendgrid"
SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"
AGE = timedelta(minutes=10)
"""How far the time that was signed may lie from ours, both ways."""
BODY_LIMIT = 1024 * 1024
PATIENCE = 30.0
"""Seconds that a body may take to arrive."""
log = structlog.get_logger()


def sendgrid_webhook(deliveries: Deliveries, key: WebhookKey | None) -> Route:
    """`POST /v1/webhooks/sendgrid`; without a key nothing is taken."""

    async def door(request: Request) -> Response:
        if key is None:
            return problem(
                404,
                "SendGrid's webhooks are not received here: set SENDGRID_WEBHOOK_KEY to the Verification Key that SendGrid shows.",
            )
        try:
            return await _take(request, deliveries, key)
        except EventError as error:
            return refused(error)
        except Exception as error:
            # SendGrid keeps what was not taken and posts it again, for a day; the type alone is logged, texts may name people.
            level = log.warning if isinstance(error, UNREACHABLE) else log.error
            level("a webhook was not taken", error=type(error).__name__)
            return problem(503, "Not taken; send it again in a moment.", {"Retry-After": "2"})

    return Route(PATH, door, methods=["POST"])


async def _take(request: Request, deliveries: Deliveries, key: WebhookKey) -> Response:
    signature, timestamp = request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP)
    if not signature or not timestamp:
        return problem(401, "The signature is missing: turn on Signed Event Webhook in SendGrid.")
    body = await read_body(request, BODY_LIMIT, PATIENCE)
    if not key.signed(signature, timestamp, body):
        return problem(
            403,
            "The signature does not fit: compare SENDGRID_WEBHOOK_KEY with the Verification Key of SendGrid.",
            reason="signature",
        )
    now = datetime.now(UTC)
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now.timestamp() - int(timestamp)) > AGE.total_seconds():
        return problem(400, "It was signed more than ten minutes ago, or ahead: is the clock of this machine right?")
    found = _read(body, now)
    await deliveries.take([each for each in found if isinstance(each, Report)])
    rejected: list[dict[str, Any]] = [
        {"index": place, "error": str(each)} for place, each in enumerate(found) if isinstance(each, EventError)
    ]
    if rejected:
        # SendGrid looks at no answer but its status: whoever runs this has to be told. Each text begins with a field's name.
        fields = sorted({each["error"].partition(":")[0] for each in rejected})
        log.warning("a webhook held what could not be read", count=len(rejected), fields=fields)
    return JSONResponse({"success": True} | ({"rejected": rejected} if rejected else {}))


def _read(body: bytes, now: datetime) -> list[Report | EventError | None]:
    """Each element's report, what is wrong with it, or None where it is none of ours."""
    try:
        elements: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise EventError("The body is not JSON.") from None
    if not isinstance(elements, list):
        raise EventError("The body is not a list of events.")
    return [_report(element, now) for element in elements]


def _report(element: object, now: datetime) -> Report | EventError | None:
    try:
        return read_report(element, now)
    except EventError as error:
        return error
