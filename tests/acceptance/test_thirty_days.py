"""A journey of thirty days in a test: on the real server, in the shipped code, without waiting for thirty days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType

from tests.stage import Stage, kinds

LONG = timedelta(days=30)
MINUTE = timedelta(minutes=1)


async def test_walked_to_its_message(stage: Stage, user: str) -> None:
    """A journey that waits for thirty days is walked to its message on the real server: by the run's own clock it is sent
    thirty days on, to the minute, and by the machine's it is sent now. How long that takes is for the benchmarks to say.

    Killed by: taking the machine's time for the ledger's `at` in Sender.send, or any other wait than a timer in Traveller.
    """
    began = datetime.now(UTC)
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    await stage.forward("nap", user, by=LONG)
    account = await stage.result("nap", user)
    assert account["outcome"] == "went to its end"
    (line,) = await stage.sent(user)
    assert kinds([line]) == ["email onboarding/welcome"]
    assert timedelta(0) <= line.at - began - LONG < MINUTE
    assert timedelta(0) <= line.machine_at - began < MINUTE
    seen = [event.event_type for event in (await stage.handle("nap", user).fetch_history()).events]
    assert seen.count(EventType.EVENT_TYPE_TIMER_FIRED) == 1
