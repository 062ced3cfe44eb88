"""Every journey and path that people may be in goes on under the code of today."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.replay.paths import PATHS
from worker import runner
from workflows.host import Host

HISTORIES = Path(__file__).parent / "histories"
FILES = sorted(HISTORIES.glob("*/*.json"))


def recorded(file: Path) -> dict[str, Any]:
    history: dict[str, Any] = json.loads(file.read_text())
    return history


async def failures(*histories: tuple[str, dict[str, Any]]) -> dict[str, Exception]:
    """What stops the code of today from replaying these, by name."""
    replayer = Replayer(workflows=[Host], workflow_runner=runner())
    found: dict[str, Exception] = {}
    for name, history in histories:
        result = await replayer.replay_workflow(WorkflowHistory.from_json(name, history), raise_on_replay_failure=False)
        if result.replay_failure is not None:
            found[name] = result.replay_failure
    return found


async def test_all_replay() -> None:
    """T5, G3: every recorded run of every journey replays with the shipped runner, in under ten seconds, without a server.

    Killed by: sending or waiting for something else in a journey; asking for the quiet before a first send.
    """
    began = time.perf_counter()
    assert await failures(*((str(file.relative_to(HISTORIES)), recorded(file)) for file in FILES)) == {}
    assert time.perf_counter() - began < 10


def test_every_path_is_recorded() -> None:
    """No path is without a history; `python -m tests.replay.record` adds what is missing."""
    assert {(file.parent.name, file.name.partition(".")[0]) for file in FILES} >= PATHS.keys()


async def test_another_order_is_found() -> None:
    """A history that this code cannot have made, with another activity where a message was sent, is refused."""
    history = recorded(HISTORIES / "cart_abandonment" / "both_reminders.json")
    for event in history["events"]:
        if "activityTaskScheduledEventAttributes" in event:
            event["activityTaskScheduledEventAttributes"]["activityType"]["name"] = "profile"
    found = await failures(("wrong", history))
    assert "TMPRL1100" in str(found["wrong"])


def test_nothing_personal_is_recorded() -> None:
    """H6: the histories hold no address, no name of a person, and nothing of the machine they were recorded on."""
    for file in FILES:
        text = file.read_text()
        payloads = [base64.b64decode(each).decode() for each in re.findall(r'"data": "([^"]+)"', text)]
        for secret in ("@", "Ada", "192.0.2.", "/home/", "/tmp/", "/root/"):
            assert not any(secret in part for part in (text, *payloads)), f"{secret} in {file.name}"
        assert set(re.findall(r'"identity": "([^"]*)"', text)) == {"recorder"}
