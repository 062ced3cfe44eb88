"""CloudEvents as their own SDK for Python writes them, at a front door that is really served."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from tests.fronts import KEY, Front, fronted

HAPPENED = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ORDER = {"order_id": "o-1", "value": "59.90", "currency": "EUR"}
MODES = {"structured": to_structured_event, "binary": to_binary_event}


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path) as front:
        yield front


def event(number: int, **changes: Any) -> CloudEvent:
    attributes = {
        "id": str(number),
        "source": "https://shop.example.com/orders",
        "type": "com.example.order_completed",
        "subject": "u-42",
        "time": HAPPENED,
    }
    return CloudEvent(attributes | changes, ORDER)


async def post(front: Front, message: HTTPMessage, **more: str) -> httpx.Response:
    headers = {**message.headers, "Authorization": f"Bearer {KEY}", **more}
    return await front.http.post("/v1/events", content=message.body, headers=headers)


@pytest.mark.parametrize("mode", MODES)
async def test_the_real_sdk(front: Front, mode: str) -> None:
    """B1: what the SDK writes, in structured or binary mode, is stored as it was told, and once.

    Killed by: not decoding headers; leaving the time out.
    """
    named = MODES[mode](event(1, subject="u ä%42"))
    for _ in range(2):
        answer = await post(front, named)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    (row,) = await front.door.stored()
    assert (row.name, row.user_id, row.occurred_at) == ("Order Completed", "u ä%42", HAPPENED)
    assert row.properties == ORDER


async def test_one_event_by_both_modes(front: Front) -> None:
    """B1: an event that came in one mode is known when it comes in the other.

    Killed by: reading the body of the binary mode as properties of another name.
    """
    for translate in MODES.values():
        assert (await post(front, translate(event(1)))).status_code == 200
    assert len(await front.stored()) == 1


async def test_a_batch(front: Front) -> None:
    """B5: of a batch the good events are stored, and the bad ones named with the attribute that is wrong.

    Killed by: refusing lists.
    """
    bodies = [json.loads(to_structured_event(event(number)).body) for number in range(3)]
    del bodies[1]["source"]
    batch = HTTPMessage({"content-type": "application/cloudevents-batch+json"}, json.dumps(bodies).encode())
    answer = await post(front, batch)
    assert answer.status_code == 200
    assert [each["index"] for each in answer.json()["rejected"]] == [1]
    assert answer.json()["rejected"][0]["error"].startswith("source: ")
    assert len(await front.stored()) == 2
    empty = HTTPMessage(batch.headers, b"[]")
    assert (await post(front, empty)).status_code == 200


async def test_called_plain_json(front: Front) -> None:
    """An event in the JSON format is known also where the sender calls it plain JSON.

    Killed by: reading the binary mode wherever the content type is another.
    """
    message = to_structured_event(event(1))
    assert (await post(front, message, **{"content-type": "application/json"})).status_code == 200
    assert len(await front.stored()) == 1


@pytest.mark.parametrize(
    ("headers", "body", "name"),
    [
        ({"content-type": "application/cloudevents+avro"}, b"{}", "Content-Type"),
        ({"content-type": "application/cloudevents+json"}, b"{}", "specversion"),
        ({"content-type": "application/cloudevents+json"}, b"{", "The body is not JSON"),
        ({"content-type": "text/plain"}, b"hello", "datacontenttype"),
        ({"ce-subject": "%C0%A0"}, b"{}", "ce-subject"),
        ({"ce-type": ""}, b"{}", "type"),
    ],
)
async def test_what_is_wrong(front: Front, headers: dict[str, str], body: bytes, name: str) -> None:
    """An event that cannot be read is refused with 400 and the name of what is wrong; nothing is stored.

    Killed by: decoding percent signs leniently.
    """
    message = to_binary_event(event(1))
    answer = await post(front, HTTPMessage({**message.headers, **headers}, body))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(name)
    assert await front.stored() == []


async def test_without_a_key(front: Front) -> None:
    """Nobody is let in without a write key.

    Killed by: asking for none where a body is a list.
    """
    for body in (to_structured_event(event(1)).body, b"[]"):
        headers = {"content-type": "application/cloudevents+json"}
        assert (await front.http.post("/v1/events", content=body, headers=headers)).status_code == 401
    assert await front.stored() == []
