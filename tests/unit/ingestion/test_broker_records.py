"""What is read from a broker's messages, and what is kept of those that cannot be taken."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from errors import EventError, EventTooLarge
from ingestion.brokers.record import Record, parts, stable_id
from ingestion.incoming import Incoming

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENT = NOW - timedelta(hours=2)
STATED = "2026-03-01T09:00:00Z"


def read(body: Any, *, sent_at: datetime | None = SENT) -> list[Incoming | EventError]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [part.event for part in parts(Record(raw, "r", sent_at), NOW)]


def taken(body: Any, *, sent_at: datetime | None = SENT) -> list[Incoming]:
    events = read(body, sent_at=sent_at)
    assert all(isinstance(event, Incoming) for event in events), events
    return [event for event in events if isinstance(event, Incoming)]


def test_ids() -> None:
    """An event keeps its own message id; without one it has its record's, in a batch with its place.

    Killed by: numbering the events of a batch by what could be read, or overwriting messageId.
    """
    event = {"event": "Signed Up", "userId": "u"}
    assert [each.event_id for each in taken(event)] == ["r"]
    assert [each.event_id for each in taken({**event, "messageId": "m"})] == ["m"]
    batch = [{**event, "messageId": None}, {**event, "messageId": "m"}, 5, {**event, "messageId": ""}]
    found = read({"batch": batch})
    assert [each.event_id for each in found if isinstance(each, Incoming)] == ["r/0", "m", "r/3"]
    assert isinstance(found[2], EventError)


def test_times() -> None:
    """A stated time stands as it is, however long the message lay in the broker; without one it is when the message was
    published; a time in the future becomes now.

    Killed by: leaving sentAt in, of the event or of its batch.
    """
    event = {"event": "Signed Up", "userId": "u"}
    stated = {**event, "timestamp": STATED, "sentAt": STATED}
    for body in (stated, {"sentAt": STATED, "batch": [stated]}, {**event, "originalTimestamp": STATED}):
        assert [each.occurred_at for each in taken(body)] == [datetime.fromisoformat(STATED)]
    assert [each.occurred_at for each in taken(event)] == [SENT]
    assert [each.occurred_at for each in taken(event, sent_at=None)] == [NOW]
    assert [each.occurred_at for each in taken(event, sent_at=NOW + timedelta(days=1))] == [NOW]


def test_cloud_events() -> None:
    """CloudEvents in the JSON format are read, one or a batch, and dated by their message where they have no time.

    Killed by: reading a body with specversion as a message of the Segment spec, or leaving _dated out.
    """
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.signed_up", "subject": "u"}
    (one,) = taken(event)
    assert (one.name, one.user_id, one.occurred_at) == ("Signed Up", "u", SENT)
    first, second = taken([event, {**event, "id": "2", "time": STATED}])
    assert (first.event_id, second.occurred_at) == (one.event_id, datetime.fromisoformat(STATED))
    found = parts(Record(json.dumps([event, {"id": "3"}]).encode(), "r", None), NOW)
    assert isinstance(found[1].event, EventError)
    assert json.loads(found[1].alone()) == [{"id": "3"}]


def test_what_is_kept() -> None:
    """Of a batch the event alone is kept, with what surrounds it and its message id; of anything else the message as it came.

    Killed by: keeping the item without its derived messageId, or without the batch's context.
    """
    batch: dict[str, Any] = {
        "context": {"locale": "de"},
        "batch": [{"event": "x"}, {"event": "Signed Up", "userId": "u"}],
    }
    first, second = parts(Record(json.dumps(batch).encode(), "r", None), NOW)
    assert isinstance(first.event, EventError)
    assert isinstance(second.event, Incoming)
    assert json.loads(first.alone()) == {"context": {"locale": "de"}, "batch": [{"event": "x", "messageId": "r/0"}]}
    (alone,) = parts(Record(b'{ "event": "x" }', "r", None), NOW)
    assert alone.alone() == b'{ "event": "x" }'


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"null", b"1", b'"x"', b"{", b'{"a":NaN}', b'{"batch":{}}', b'{"a":' * 9000, b"\x1f\x8bx", b"[" * 9000],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_no_events(body: bytes) -> None:
    """What holds no events is one refusal, and is kept as it came.

    Killed by: catching no EventError in parts.
    """
    (part,) = parts(Record(body, "r", SENT), NOW)
    assert isinstance(part.event, EventError)
    assert part.alone() == body


def test_sizes() -> None:
    """Gzip is understood; what the front door calls too large is too large here.

    Killed by: leaving _limited out.
    """
    event = {"event": "Signed Up", "userId": "u"}
    assert len(taken(gzip.compress(json.dumps({"batch": [event] * 3}).encode()))) == 3
    bodies: list[Any] = [{"batch": [{}] * 20_000}, [{}] * 20_000, {**event, "properties": {"text": "x" * 600_000}}]
    for body in bodies:
        (error,) = read(body)
        assert isinstance(error, EventTooLarge)


def test_stable_ids() -> None:
    """The id made of a place is the same each time, and another for each place.

    Killed by: leaving a part out of stable_id.
    """
    assert stable_id("kafka", "t", 1, 2, 3) == stable_id("kafka", "t", 1, 2, 3)
    assert (
        len({stable_id("kafka", *place) for place in [("t", 1, 2, 3), ("t", 1, 2, 4), ("t", 1, 3, 3), ("t", 2, 2, 3)]})
        == 4
    )
    assert len(stable_id("kafka", "t" * 249, 1, 2, 3)) < 100
