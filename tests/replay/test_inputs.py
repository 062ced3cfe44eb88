"""What a run was started with months ago is still read today."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from events import Event
from rehearsal.run import Run
from workflows.inbox import read_event, written
from workflows.input import JourneyInput

INPUTS = Path(__file__).parent / "inputs"


def stored(name: str) -> Any:
    return json.loads((INPUTS / name).read_text())


@pytest.mark.parametrize("event", stored("events.json"), ids=lambda event: event["type"])
def test_stored_events_are_read(event: dict[str, Any]) -> None:
    """An event written by an earlier release is read, and every field of it is still there."""
    read = read_event(event)
    assert read is not None
    assert written(read) == event


def test_every_kind_is_stored() -> None:
    """No kind of event is missing among the stored ones, and none that was stored has been taken away."""
    assert {event["type"] for event in stored("events.json")} == set(Event.kinds())


@pytest.mark.parametrize("file", sorted(path.name for path in INPUTS.glob("input*.json")))
def test_stored_inputs_are_read(file: str) -> None:
    """The input of a run that an earlier release has started, or continued, is read without loss."""
    given = JourneyInput.model_validate(stored(file))
    assert given.written() == stored(file)
    assert given.start_event().event_name == stored(file)["event"]["type"]


async def test_a_stored_input_still_walks() -> None:
    """A run with the oldest input begins: it asks for its first message, in the name of the same entry."""
    run = Run("cart_abandonment", stored("input.json"), datetime(2026, 3, 2, 13, tzinfo=UTC))
    run.begin()
    (asked,) = run.activities.values()
    assert (asked.name, asked.argument["walk"]["entry"]) == ("send", "e-1")
    run.evict()


async def test_a_carried_journal_is_gone_through() -> None:
    """A run that has continued takes its answers from what it carried, and goes on where it stood."""
    given = stored("input.json")
    reminded = {
        "verb": "send",
        "outcome": {"status": "accepted", "channel": "email"},
        "at": "2026-03-02T13:00:00+00:00",
    }
    waiting = {"verb": "wait_for", "deadline": "2026-03-03T13:00:00+00:00"}
    given["carried"] = {"begun": True, "journal": [reminded, waiting]}
    run = Run("cart_abandonment", given, datetime(2026, 3, 3, 12, tzinfo=UTC))
    run.begin()
    assert not run.activities
    assert list(run.timers.values()) == [run.now + timedelta(hours=1)]
    run.evict()
