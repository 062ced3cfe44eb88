"""How the calls of the Segment spec are read: track, identify, page, screen, and batches of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from errors import EventError, EventTooLarge
from events import DateChanged, Identified, PageViewed, ScreenViewed, SegmentEntered, ZoneChanged
from meters import CLOCKS

from .incoming import Incoming, checked
from .tags import translated

EVENT_LIMIT = 64 * 1024
"""Bytes of one event; Segment's own clients send none over 32 kB."""
A_MINUTE = timedelta(minutes=1)
RESERVED = frozenset({Identified.event_name, ZoneChanged.event_name, DateChanged.event_name, SegmentEntered.event_name})


@dataclass(frozen=True)
class Call:
    """What surrounds a body: how it came, when, and from where."""

    type: str
    received_at: datetime
    peer: str | None
    headers: Mapping[str, str]


def messages(body: Mapping[str, Any], call: Call) -> list[Incoming | EventError]:
    """Every message of a call in order, or what is wrong with it; one bad message does not harm the others."""
    if call.type != "batch":
        return [_read(body, body, call, call.type)]
    batch = body.get("batch")
    if not isinstance(batch, list):
        raise EventError('batch: expected a list of messages under "batch".')
    return [_read(item, body, call, None) for item in batch]


def _read(item: object, envelope: Mapping[str, Any], call: Call, kind: str | None) -> Incoming | EventError:
    try:
        if not isinstance(item, dict):
            raise EventError("A message of the batch is not a JSON object.")
        return checked(translated(_incoming(item, envelope, call, kind or _string(item, "type") or "track")))
    except EventError as error:
        return error


def _incoming(item: Mapping[str, Any], envelope: Mapping[str, Any], call: Call, kind: str) -> Incoming:
    if _size(item) > EVENT_LIMIT:
        raise EventTooLarge(
            f"The event is larger than {EVENT_LIMIT // 1024} kB; leave out what no journey or template needs."
        )
    context = {**_object(envelope, "context"), **_object(item, "context")}
    properties, traits = _object(item, "properties"), _object(item, "traits")
    match kind:
        case "track":
            name = _string(item, "event")
            if not name:
                raise EventError('event: a track call needs the name of what happened, such as "Order Completed".')
            if name in RESERVED:
                raise EventError(f"event: {name!r} is derived by Journeyman; give your event another name.")
            traits = traits or _object(context, "traits")
        case "identify":
            # RudderStack's clients put them into the context, some of them nowhere else.
            name, traits = Identified.event_name, traits or _object(context, "traits")
        case "page" | "screen":
            name = PageViewed.event_name if kind == "page" else ScreenViewed.event_name
            page = _object(context, "page")
            properties = {"path": page.get("path"), "category": item.get("category")} | properties
        case "group":
            # What a group is called, and its address, are not those of the member that the call names.
            name, traits, properties = "Group", {}, {"groupId": item.get("groupId"), "traits": traits}
        case "alias":
            name, properties = "Alias", {"previousId": item.get("previousId")}
        case _:
            raise EventError("type: expected one of track, identify, page, screen, group, alias.")
    user_id, anonymous_id = _identity(item, "userId"), _identity(item, "anonymousId")
    previous_id = None
    if kind == "alias":
        # Who the person was before: what they did under that name becomes theirs, as with an identify call.
        previous_id = _identity(item, "previousId")
        if not anonymous_id:
            anonymous_id, previous_id = previous_id, None
    if not user_id and not anonymous_id:
        raise EventError("userId: every message needs a userId or an anonymousId.")
    return Incoming(
        event_id=_string(item, "messageId") or str(uuid.uuid4()),
        name=name[:200],
        occurred_at=_occurred_at(item, envelope, call.received_at),
        received_at=call.received_at,
        user_id=user_id,
        anonymous_id=anonymous_id,
        properties={key: value for key, value in properties.items() if value is not None},
        traits=traits,
        previous_id=previous_id,
        context=context,
        ip=_string(context, "ip"),
        peer=call.peer,
        headers=call.headers,
    )


def _size(item: Mapping[str, Any]) -> int:
    """Bytes of the message as UTF-8."""
    # The quick writer takes a sixth of the time. Its numbers and separators are shorter, but an eighth leaves room for them.
    with suppress(ValueError):  # half a character, or nested deeply: the other writer tells
        if (size := len(to_json(item))) < EVENT_LIMIT // 8:
            return size
    try:
        return len(json.dumps(item, ensure_ascii=False, default=str).encode(errors="surrogatepass"))
    except RecursionError:
        raise EventError("The message is nested too deeply; send it flatter.") from None


def _occurred_at(item: Mapping[str, Any], envelope: Mapping[str, Any], received_at: datetime) -> datetime:
    """When it happened by our clock: the client's skew is taken out where `sentAt` shows it; never in the future.

    Both stamps come from a client that was told when it happened, or from a service that has taken the skew out already.
    """
    told, original = _moment(item, "timestamp"), _moment(item, "originalTimestamp")
    sent = _moment(item, "sentAt") or _moment(envelope, "sentAt")
    if told and original:
        return _not_after(told, received_at)
    stated = told or original
    if stated is None:
        return received_at
    try:
        return _not_after(received_at - (sent - stated) if sent and sent >= stated else stated, received_at)
    except OverflowError:
        raise EventError("sentAt: so long after the timestamp that no calendar holds both.") from None


def _not_after(moment: datetime, received_at: datetime) -> datetime:
    """A time in the future is the fault of a clock: it becomes that of receipt, and counts where it is off by a minute."""
    if moment - received_at > A_MINUTE:
        CLOCKS.labels("future").inc()
    return min(moment, received_at)


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    value = item.get(name)
    if value in (None, ""):
        return None
    try:
        moment = (
            datetime.fromisoformat(value)
            if isinstance(value, str)
            else datetime.fromtimestamp(float(value) / 1000, UTC)
        )
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise EventError(f"{name}: not a date; use ISO 8601, such as 2026-03-01T09:30:00Z.") from None


def _identity(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int, type(None))):
        raise EventError(f"{name}: expected a string.")
    text = "" if value is None else str(value)
    if len(text) > 200 or not text.isprintable():
        raise EventError(f"{name}: at most 200 printable characters.")
    return text or None


def _string(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 1000:
        raise EventError(f"{name}: expected a string of at most 1000 characters.")
    return value


def _object(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise EventError(f"{name}: expected a JSON object.")
    return value
