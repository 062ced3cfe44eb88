"""Segment's webhook destination at a front door that is really served: who is let in, and what is stored of it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.people import read_person
from tests.fronts import Front, fronted

SECRET = "a shared secret"
# A body as Segment's destination writes it (JSON.stringify), and its signature as openssl makes it:
# openssl dgst -sha1 -hmac 'a shared secret'
BODY = (
    b'{"type":"track","event":"Order Completed","userId":"u-42","messageId":"api-1",'
    b'"timestamp":"2026-03-01T09:30:00.000Z","originalTimestamp":"2026-03-01T09:35:00.000Z",'
    b'"sentAt":"2026-03-01T09:35:01.000Z","properties":{"order_id":"o-1","value":59.9,"currency":"EUR"},'
    b'"context":{"ip":"192.0.2.1"},"version":2}'
)
SIGNATURE = "6312635897bf8c56e4d3403dca6372b5f319977f"


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path, segment_secret=SECRET) as front:
        yield front


async def post(front: Front, body: bytes, signature: str | None) -> httpx.Response:
    headers = {b"Content-Type": b"application/json", b"User-Agent": b"Segment"}
    signed = {} if signature is None else {b"X-Signature": signature.encode()}
    return await front.http.post("/v1/segment", content=body, headers=headers | signed)


def packed(**message: Any) -> tuple[bytes, str]:
    body = json.dumps(message, separators=(",", ":")).encode()
    return body, hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()


async def test_what_segment_signed(front: Front) -> None:
    """B1: a message that Segment signed is stored once, however often it comes, at the time that Segment says it happened.

    The connection's own address and program are Segment's: the person is where the event's context says.
    Killed by: keeping sentAt of the message; keeping the call's peer.
    """
    for _ in range(2):
        answer = await post(front, BODY, SIGNATURE)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    (row,) = await front.door.stored()
    assert (row.event_id, row.name, row.user_id) == ("api-1", "Order Completed", "u-42")
    assert row.occurred_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert row.context["location"]["country"] == "DE"


async def test_each_call(front: Front) -> None:
    """Identify calls come by the same door: the message says itself what it is.

    Killed by: reading every message as a track call.
    """
    body, signature = packed(type="identify", messageId="i-1", userId="u-1", traits={"firstName": "Ada"})
    assert (await post(front, body, signature)).status_code == 200
    async with front.door.database.read() as connection:
        person = await read_person(connection, "u-1")
    assert person is not None
    assert person.traits == {"firstName": "Ada"}


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY, None),
        (BODY, ""),
        (BODY, "é"),
        (BODY, "0" * 40),
        (BODY + b" ", SIGNATURE),
        (BODY.replace(b"u-42", b"u-43"), SIGNATURE),
        (b"", hmac.new(b"", b"", hashlib.sha1).hexdigest()),
    ],
    ids=[
        "no signature",
        "an empty one",
        "no hexadecimal",
        "a wrong one",
        "one blank more",
        "another user",
        "no secret",
    ],
)
async def test_what_segment_did_not_sign(front: Front, body: bytes, signature: str | None) -> None:
    """T7: a body that is not, to the byte, what Segment signed with the secret is refused, and nothing of it is stored.

    Killed by: letting in whoever presents no signature.
    """
    answer = await post(front, body, signature)
    assert answer.status_code == 403
    assert "secret" in answer.json()["error"]
    assert await front.stored() == []


async def test_a_write_key_is_no_signature(front: Front) -> None:
    """Who has a write key uses the other doors: here the signature alone counts.

    Killed by: letting a write key in.
    """
    assert (await front.post("segment", json.loads(BODY))).status_code == 403
    assert await front.stored() == []


async def test_a_batch(front: Front) -> None:
    """Segment signs the first event of a batch and no other, so a batch is refused, with what to set.

    Killed by: checking the first event's signature.
    """
    batch = b"[" + BODY + b"," + BODY.replace(b"api-1", b"api-2") + b"]"
    answer = await post(front, batch, SIGNATURE)
    assert answer.status_code == 400
    assert "batch size to 0" in answer.json()["error"]
    assert await front.stored() == []


async def test_without_a_secret(tmp_path: Path) -> None:
    """Until a secret is set the door is closed, also to what is signed with none, and says what to set.

    Killed by: checking signatures with an empty secret.
    """
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path) as front:
        answer = await post(front, BODY, hmac.new(b"", BODY, hashlib.sha1).hexdigest())
        assert answer.status_code == 404
        assert "JOURNEYMAN_SEGMENT_SECRET" in answer.json()["error"]
        assert await front.stored() == []
