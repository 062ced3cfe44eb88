"""How a server container of Google Tag Manager writes an event, and which message of the Segment spec that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from errors import EventError

from .bodies import parse_json
from .incoming import Incoming
from .intake import Intake
from .segment import Call, messages

PATH = "/v1/tags"
PAGE = {"page_location": "url", "page_path": "path", "page_referrer": "referrer", "page_title": "title"}
NAMES = {"first_name": "firstName", "last_name": "lastName"}
ASIDE = ("x-ga-", "x-sst-", "x_ga_", "x_sst_", "user_data", "page_", "ga_session_")
"""How names begin that are no facts of the event; dashes become underscores where a tag flattens the data."""
NO_FACTS = frozenset(
    {
        "event_name",
        "event_id",
        "client_id",
        "user_id",
        "ip_override",
        "user_agent",
        "client_hints",
        "language",
        "timestamp_micros",
        "screen_resolution",
        "viewport_size",
        "engagement_time_msec",
    }
)


def server_tag_routes(intake: Intake) -> list[Route]:
    """`POST /v1/tags`."""

    async def door(request: Request) -> Response:
        return await intake.take(request, server_tags, parse=parse_json)

    return [Route(PATH, door, methods=["POST"])]


def server_tags(body: Any, call: Call) -> list[Incoming | EventError]:
    """The event data that the container's client has made of a request: one event, or a list of them."""
    # The connection is the container's: neither its address nor its headers are the person's.
    call = replace(call, type="batch", peer=None, headers={})
    return [_read(event, call) for event in (body if isinstance(body, list) else [body])]


def _read(event: object, call: Call) -> Incoming | EventError:
    try:
        if not isinstance(event, dict):
            raise EventError("An event is a JSON object: let the tag send all event data.")
        (found,) = messages({"batch": [_message(event)]}, call)
    except EventError as error:
        return error
    return found


def _message(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as a message of the Segment spec; GA4's names are translated where all of them are."""
    name = event.get("event_name")
    if not isinstance(name, str) or not name:
        raise EventError("event_name: expected the name of what happened: let the tag send all event data.")
    if not event.get("user_id") and not event.get("client_id"):
        raise EventError("client_id: every event needs it, or a user_id: let the tag send all event data.")
    facts = {key: value for key, value in event.items() if key not in NO_FACTS and not key.startswith(ASIDE)}
    page = {ours: event[theirs] for theirs, ours in PAGE.items() if event.get(theirs)}
    return {
        "type": "track",
        "event": name,
        "messageId": _message_id(name, event.get("event_id")),
        "userId": event.get("user_id"),
        "anonymousId": event.get("client_id"),
        "timestamp": _timestamp(event.get("timestamp_micros")),
        "properties": facts | ({"path": page["path"]} if name == "page_view" and "path" in page else {}),
        "traits": _traits(event.get("user_data")),
        "context": {
            "ip": event.get("ip_override"),
            "userAgent": event.get("user_agent"),
            "userAgentData": event.get("client_hints"),
            "locale": event.get("language"),
            "page": page,
        },
    }


def _message_id(name: str, event_id: object) -> str | None:
    """Several events may share an event id: those of one visit to a page do."""
    return None if event_id in (None, "") else f"{name}-{event_id}"


def _timestamp(micros: Any) -> float | None:
    try:
        return None if micros in (None, "") else float(micros) / 1000
    except (TypeError, ValueError):
        raise EventError("timestamp_micros: expected microseconds since 1970.") from None


def _traits(user_data: object) -> dict[str, Any]:
    """What the person has said of themselves; of several addresses the first, and nothing that is hashed."""
    if not isinstance(user_data, dict):
        return {}
    told = {"email": _first(user_data.get("email_address")), "phone": _first(user_data.get("phone_number"))}
    address = _first(user_data.get("address"))
    # Some containers put the names beside the address, not into it.
    for place in (user_data, address if isinstance(address, dict) else {}):
        told |= {ours: place[theirs] for theirs, ours in NAMES.items() if place.get(theirs)}
    return {name: value for name, value in told.items() if value}


def _first(value: object) -> Any:
    return next(iter(value), None) if isinstance(value, list) else value
