"""What one message of a broker says: events of the Segment spec or CloudEvents, alone or in a batch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from errors import EventError, EventTooLarge
from ingestion.bodies import parse_json
from ingestion.cloudevents import cloud_events
from ingestion.incoming import Incoming
from ingestion.intake import MOST_AT_ONCE
from ingestion.segment import Call, messages


@dataclass(frozen=True)
class Record:
    """A message as the broker keeps it."""

    body: bytes = field(repr=False)
    id: str
    """The same however often it is delivered; what its events are known by that have no message id of their own."""
    sent_at: datetime | None
    """When it was handed to the broker; what its events are dated by that have no timestamp of their own."""


@dataclass(frozen=True)
class Part:
    """One event of a record, or what is wrong with it."""

    event: Incoming | EventError
    record: Record
    batch: Any = field(default=None, repr=False)
    """A batch of this event alone, where its record is one."""

    def alone(self) -> bytes:
        """A message with this event and no other, to be published again when it has been mended."""
        if self.batch is None:
            return self.record.body
        try:
            return json.dumps(self.batch, separators=(",", ":")).encode()
        except RecursionError:
            return self.record.body


def stable_id(broker: str, *parts: object) -> str:
    """A message id made of what does not change when a message is delivered again."""
    return f"{broker}-{hashlib.sha256('/'.join(map(str, parts)).encode()).hexdigest()[:32]}"


def parts(record: Record, now: datetime) -> list[Part]:
    """Every event of a record in order; one that cannot be read does not harm the others."""
    call = Call("batch", now, None, {})
    try:
        body = parse_json(record.body)
        if isinstance(body, list):
            events = [_dated(event, record) for event in _limited(body)]
            return [
                Part(found, record, [event]) for found, event in zip(cloud_events(events, call), events, strict=True)
            ]
        if not isinstance(body, dict):
            raise EventError("The body is not a JSON object; publish the event itself, or a batch of events.")
        if "specversion" in body:
            return [Part(found, record) for found in cloud_events(_dated(body, record), call)]
        if "batch" not in body:
            return [Part(found, record) for found in messages({"batch": [_completed(body, record, record.id)]}, call)]
        items = body["batch"]
        if isinstance(items, list):
            items = [_completed(item, record, f"{record.id}/{place}") for place, item in enumerate(_limited(items))]
        envelope = {name: value for name, value in body.items() if name not in ("batch", "sentAt")}
        found_all = messages({**envelope, "batch": items}, call)
    except EventError as error:
        return [Part(error, record)]
    return [Part(found, record, {**envelope, "batch": [item]}) for found, item in zip(found_all, items, strict=True)]


def _limited(batch: list[Any]) -> list[Any]:
    """The same; EventTooLarge where it holds more than the front door takes at once."""
    if len(batch) > MOST_AT_ONCE:
        raise EventTooLarge(f"There are more than {MOST_AT_ONCE:,} messages in the batch; publish less at once.")
    return batch


def _completed(item: Any, record: Record, message_id: str) -> Any:
    """The same event with what the broker knows and it does not say.

    `sentAt` is left out: what lies between it and now is the queue, and tells nothing about the client's clock.
    """
    if not isinstance(item, dict):
        return item
    item = {name: value for name, value in item.items() if name != "sentAt"}
    if item.get("messageId") in (None, ""):
        item["messageId"] = message_id
    if record.sent_at and item.get("timestamp") in (None, "") and item.get("originalTimestamp") in (None, ""):
        item["timestamp"] = record.sent_at.isoformat()
    return item


def _dated(event: Any, record: Record) -> Any:
    """The same CloudEvent; where it has no time, with that of its message."""
    if isinstance(event, dict) and record.sent_at and event.get("time") is None:
        return {**event, "time": record.sent_at.isoformat()}
    return event
