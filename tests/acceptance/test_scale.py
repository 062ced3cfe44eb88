"""One busy person: no event is lost on the way through many runs, and nobody else waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowHistory

from storage.ledger import kept
from storage.routing import backlog
from tests.servers import wait_until
from tests.stage import Stage, kinds
from workflows import waiting

SERVERS_LIMIT = 51_200
"""Events in one history after which the server ends a run."""


async def test_thousands_of_signals(stage: Stage, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I3: a run that is signalled 2,000 times continues as new again and again, and the journey sees each event once.

    Killed by: dropping `_is_long` in Waiting, or leaving the journal out of Carried.
    """
    monkeypatch.setattr(waiting, "EVENTS_BEFORE_CONTINUING", 300)
    await asleep(stage, user)
    await stage.wake("listener", user)
    run, first = stage.handle("listener", user), await stage.run_id("listener", user)
    latest = first
    for wave in range(0, 2000, 400):
        for start in range(wave, wave + 400, 100):
            await asyncio.gather(*(run.signal("event", seen(number)) for number in range(start, start + 100)))
        # The server lets no run continue while signals keep coming in; between two waves it does.
        latest = await stage.asleep_again("listener", user, after=latest)
    await ended(stage, user)
    assert await counted(stage, user) == "/seen-2000-videos"
    lengths = [len(history.events) for history in await chain(stage, user, first)]
    assert len(lengths) > 5
    assert max(lengths) < SERVERS_LIMIT / 10


async def test_ten_thousand_events(stage: Stage, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I4: 10,000 events of one person are all seen and break nothing, and somebody else's journey does not wait for them.

    Killed by: routing people one after another in Relay._run, keeping fewer untaken events in the Inbox or carrying none,
    or carrying the journal unpacked in JourneyInput.written (the server takes 2 MB: some 5,000 events).
    """
    monkeypatch.setattr(waiting, "EVENTS_BEFORE_CONTINUING", 100)
    other = f"{user}-other"
    await stage.knows(other)
    await asleep(stage, user)
    first = await stage.run_id("listener", user)
    videos = [stage.event(user, "Video Playback Completed", content_asset_id="v") for _ in range(10_000)]
    await stage.take(*videos[:5_000])
    await stage.take(stage.event(other, "Signed Up"))
    assert kinds(await stage.sent(other)) == ["email onboarding/welcome"]
    async with stage.database.read() as connection:
        assert await backlog(connection) > 0, "somebody else's mail went out before the last of the 5,000 was routed"
    await wait_until(stage.relay.idle, 60)
    await stage.wake("listener", user)
    await stage.take(*videos[5_000:])
    await wait_until(stage.relay.idle, 60)
    await ended(stage, user)
    assert await counted(stage, user) == "/seen-10000-videos"
    assert len(histories := await chain(stage, user, first)) >= 3
    assert max(len(history.events) for history in histories) < 1000


async def ended(stage: Stage, user: str) -> None:
    """Let the day after the last video pass, whichever run of the chain waits for it."""

    async def over() -> bool:
        if not await stage.is_open("listener", user):
            return True
        await stage.timelapse.wake(stage.handle("listener", user))
        return False

    await wait_until(over, 60)
    assert (await stage.result("listener", user))["outcome"] == "went to its end"


async def asleep(stage: Stage, user: str) -> None:
    """Bring a person to the hour before the journey takes one video after another."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="listener"))


async def counted(stage: Stage, user: str) -> str:
    """How many videos the journey says it has seen."""
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    start = message.rendered["html"].index("/seen-")
    return str(message.rendered["html"][start : start + 40].split('"')[0])


async def chain(stage: Stage, user: str, run_id: str) -> Sequence[WorkflowHistory]:
    """The histories of a run and of all it continued as."""
    histories = []
    while run_id:
        history = await stage.client.get_workflow_handle(f"listener/{user}", run_id=run_id).fetch_history()
        histories.append(history)
        last = history.events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return histories


def seen(number: int) -> dict[str, str]:
    """A video that was watched to its end, as a backend signals it."""
    return {
        "type": "Video Playback Completed",
        "event_id": f"video-{number}",
        "occurred_at": datetime.now(UTC).isoformat(),
        "content_asset_id": str(number),
    }
