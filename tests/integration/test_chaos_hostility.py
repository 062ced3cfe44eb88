"""The programme's scenario about those who mean harm: it runs at its smallest size, and finds what a door may not answer."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from chaos import hostility
from chaos.bare import Answer
from chaos.mutations import Bodies
from chaos.play import Play
from chaos.verdict import Attack, Judge
from chaos.watch import Holding, more, said
from ingestion.openapi import openapi
from ingestion.openapi_schemas import SCHEMAS
from tests.canaries import ADDRESSES

JSON = {"content-type": "application/json"}
REFUSAL = json.dumps({"success": False, "error": "No.", "reason": "key"}).encode()
ASKED = Attack(b"GET / HTTP/1.1", "/v1/track", frozenset({200, 400, 409}))
GOOD = [
    Answer(200),
    Answer(400, JSON, REFUSAL),
    Answer(409, JSON, REFUSAL.replace(b"No", b"canary")),
    Answer(503, {**JSON, "retry-after": "2"}, REFUSAL),
]
BAD = {
    "answered with 500": Answer(500, JSON, REFUSAL),
    "answered with 501": Answer(501, JSON, REFUSAL),
    "answered with 404": Answer(404, JSON, REFUSAL),
    "503 without Retry-After": Answer(503, JSON, REFUSAL),
    "429 without Retry-After": Answer(429, {**JSON, "retry-after": "soon"}, REFUSAL),
    "the refusal quotes what was sent": Answer(400, JSON, REFUSAL.replace(b"No", b"canary")),
    "400 is told as text/plain, not as JSON": Answer(400, {"content-type": "text/plain"}, b"No."),
    "400 is told as application/json, not as JSON": Answer(400, JSON, b"[]"),
    "400 has no reason that can be read": Answer(400, JSON, b'{"success": false, "error": ""}'),
    "closed without an answer": None,
}


def test_answers_that_may_be_given() -> None:
    """What is documented, a conflict that names its message, and a 503 that says when to come back are no problem."""
    judge = Judge(b"canary")
    for answer in GOOD:
        judge.hear("x", ASKED, answer)
    judge.hear("x", Attack(b"", may_close=True), None)
    judge.hear("x", Attack(b"", "/unsubscribe/x"), Answer(404, {"content-type": "text/html; charset=utf-8"}, b"<html>"))
    assert judge.problems == []
    assert judge.busy == 1


@pytest.mark.parametrize("wrong", BAD)
def test_answers_that_may_not(wrong: str) -> None:
    """One answer that a front door may not give is enough to fail a run, and is told with its request."""
    judge = Judge(b"canary")
    judge.hear("kind", ASKED, BAD[wrong])
    assert judge.problems == [f"kind: {wrong}: {ASKED.raw!r}"]


def test_what_a_door_holds_and_says(tmp_path: Path) -> None:
    """Memory and files that have grown, an error in the log, a person in it, or a sign of what was sent fail a run."""
    before = Holding(100, 10)
    assert more(before, Holding(110, 12), memory=10, files=2) == []
    assert len(more(before, Holding(111, 13), memory=10, files=2)) == 2
    log = tmp_path / "door.log"
    log.write_text('Front door\n{"event": "an event was refused", "level": "warning"}\n')
    assert said(log, (b"canary", ADDRESSES)) == []
    for line in (
        '{"error": "KeyError", "level": "error"}',
        "Traceback (most recent call last):",
        "canary",
        "a@example.com",
    ):
        log.write_text(f"Front door\n{line}\n")
        assert len(said(log, (b"canary", ADDRESSES))) == 1


def test_bodies_begin_right() -> None:
    """What is drawn from a schema of the OpenAPI document has what that schema requires, the same again with the same seed."""
    for path, doors in openapi()["paths"].items():
        for operation in doors.values():
            for told in operation.get("requestBody", {}).get("content", {}).values():
                one, same = (Bodies(Random(18), "canary").drawn(told["schema"]) for _ in range(2))
                assert one == same
                schema = SCHEMAS[told["schema"]["$ref"].rpartition("/")[2]]
                assert {*schema.get("required", ())} <= {*(one if isinstance(one, dict) else ())}, path


@pytest.mark.server
async def test_hostility(tmp_path: Path) -> None:
    """T18: 300 hostile requests of every kind at a real front door: no answer is 500 or above, each refusal is told as JSON,
    nothing that no key let in is stored, memory, files and log stay as they were, and honest clients notice nothing.

    Killed by: leaving RecursionError uncaught in parse_json (the log tells), send_400_response out of Punctual, `hmac` out of
    segment_webhook's `signed`, the deadline out of read_body, or `revoked_at` out of Keys._read.
    """
    result = await hostility.run(Play("sqlite", 18, 0.003, 120, tmp_path))
    assert [*result.problems, *(problem for part in result.parts for problem in part.tally.problems)] == []
    (part,) = result.parts
    assert (part.reached, part.asked) == (300, 300)
    assert len(part.faults) == 15
    assert part.tally.acknowledged > 50
