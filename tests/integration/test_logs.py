"""What libraries log comes out in our own form, and holds nothing of a person."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from settings import ROOT
from stack import TemporalServer

CANARIES = ("canary", "example.org", "1234567", "/v1/inbox")


@pytest.mark.server
async def test_what_libraries_log(temporal: TemporalServer) -> None:
    """Errors of uvicorn, of Temporal's SDK in Python and of its core, and of any library are one line of JSON each, that
    says where it happened and never who it was about or what they wrote.

    Killed by: leaving out basicConfig in logs.configure, log_config=None in service.served, or forwarding in connect.py;
    and by telling record.getMessage() or an error's text.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.troubled", temporal.address), cwd=ROOT, stderr=subprocess.PIPE
    )
    _, raw = await asyncio.wait_for(program.communicate(), 60)
    text = raw.decode()
    assert program.returncode == 0, text
    assert not [canary for canary in CANARIES if canary in text], text
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"event", "level", "timestamp", "logger"} <= line.keys() for line in lines)
    assert {line["level"] for line in lines} <= {"warning", "error"}
    by_logger: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        by_logger.setdefault(line["logger"], []).append(line)

    crash = next(line for line in by_logger["uvicorn.error"] if "error" in line)
    assert crash["event"] == "Exception in ASGI application"
    assert crash["error"] == "ValueError"
    assert str(crash["at"]).rstrip("']").endswith(" failing")
    (sending, *_) = by_logger["temporalio.activity"]
    assert sending["event"] == "Completing activity as failed"
    assert (sending["journey"], sending["activity"], sending["error"]) == ("onboarding", "send", "ValueError")
    assert any(
        line.get("error") for name in by_logger for line in by_logger[name] if name.startswith("temporalio.worker")
    )
    assert any(name.startswith("temporalio.core") for name in by_logger)
    assert [line["event"] for line in by_logger["some.library"]] == [
        "no answer for %s at %s",
        "GET … for … …",
        "one %s too many",
    ]
    assert by_logger["asyncio"][-1]["event"] == "a task has died"
