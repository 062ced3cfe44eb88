"""Which of our events a CloudEvent is (CloudEvents 1.0), whatever brought it here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from errors import EventError
from events import Identified, Subscribed, Unsubscribed

from .bodies import parse_json
from .incoming import KINDS, Incoming
from .segment import Call, messages
from .tags import GA4_NAMES

SPECVERSION = "1.0"
VERSION = re.compile(r"\.v\d+$")
"""How a type may end that names its own version, as in com.example.order_completed.v2."""
CONSENTS = {Subscribed.event_name, Unsubscribed.event_name}
"""Not found by the last part of a type: com.example.plan.subscribed is a purchase, and no consent to be written to."""
ABOUT = frozenset({"userId", "anonymousId", "context", "traits", "properties"})
"""What `data` may hold beside the properties, as a message of the Segment spec does."""


def cloud_events(body: Any, call: Call) -> list[Incoming | EventError]:
    """Every event of a body in the JSON format, one or a batch, in order; or which attribute of it is wrong."""
    # The connection is that of a program that passes events on: neither its address nor its headers are a person's.
    call = replace(call, type="batch", peer=None, headers={})
    return [_read(event, call) for event in (body if isinstance(body, list) else [body])]


def from_binary(attributes: Mapping[str, str], content_type: str, raw: bytes) -> dict[str, Any]:
    """An event of the binary mode as the JSON format has it; the attributes are decoded, `raw` is its data."""
    if not raw:
        return dict(attributes)
    _check_json(content_type)
    return {**attributes, "data": parse_json(raw)}


def _read(event: object, call: Call) -> Incoming | EventError:
    try:
        (found,) = messages({"batch": [_message(event)]}, call)
    except EventError as error:
        return error
    return found


def _message(event: object) -> dict[str, Any]:
    """The event as a message of the Segment spec."""
    if not isinstance(event, dict):
        raise EventError("A CloudEvent is a JSON object; a batch is a list of them.")
    if _required(event, "specversion") != SPECVERSION:
        raise EventError(f"specversion: this door reads {SPECVERSION}.")
    source, event_id, name = _required(event, "source"), _required(event, "id"), _name(_required(event, "type"))
    data = _data(event)
    rest = {key: value for key, value in data.items() if key not in ABOUT}
    message = {key: data[key] for key in ABOUT if key in data}
    if not message.get("userId") and not message.get("anonymousId"):
        if not event.get("subject"):
            raise EventError("subject: whose event is it? Put the user id here, or userId or anonymousId into data.")
        message["userId"] = event["subject"]
    if name == Identified.event_name:
        message = {"type": "identify", "traits": rest} | message
    else:
        message = {"type": "track", "event": name, "properties": rest} | message
    # Unique is the pair; an id alone is its source's own affair.
    digest = hashlib.sha256(f"{source}\n{event_id}".encode(errors="replace")).hexdigest()
    return message | {"messageId": f"ce-{digest[:32]}", "timestamp": _time(event)}


def _required(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise EventError(f"{name}: CloudEvents require it, as a text that is not empty.")
    return value


def _name(kind: str) -> str:
    """The event's name: the type itself, or one that we know by its last part, however that is written."""
    if kind in KINDS or kind in GA4_NAMES:
        return kind
    return KNOWN.get(_words(VERSION.sub("", kind).rpartition(".")[2]), kind)


def _words(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name[:200])
    return " ".join(re.split(r"[^a-z0-9]+", spaced.lower())).strip()


KNOWN = {_words(name): name for name in [*GA4_NAMES, *KINDS] if name not in CONSENTS} | {
    "identify": Identified.event_name
}
"""Names by their words: order_completed, orderCompleted and OrderCompleted are Order Completed."""


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    """What the event carries; nothing is an empty object."""
    data = event.get("data")
    if (packed := event.get("data_base64")) is not None:
        _check_json(event.get("datacontenttype"))
        try:
            data = parse_json(base64.b64decode(packed, validate=True))
        except (TypeError, ValueError, binascii.Error):
            raise EventError("data_base64: not base64.") from None
    if data is None:
        return {}
    _check_json(event.get("datacontenttype"))
    if not isinstance(data, dict):
        raise EventError("data: expected a JSON object with the event's properties.")
    return data


def _check_json(content_type: object) -> None:
    """The format says nothing of a type where data is JSON, and so does this."""
    media = content_type.partition(";")[0].strip().lower() if isinstance(content_type, str) else content_type
    if media not in (None, "", "application/json", "text/json") and not str(media).endswith("+json"):
        raise EventError("datacontenttype: this door reads data in JSON, application/json.")


def _time(event: Mapping[str, Any]) -> str | None:
    time = event.get("time")
    if time is None:
        return None
    try:
        if not isinstance(time, str) or datetime.fromisoformat(time).tzinfo is None:
            raise ValueError
    except ValueError:
        raise EventError("time: expected a moment as RFC 3339 has it, such as 2026-03-01T09:30:00Z.") from None
    return time
