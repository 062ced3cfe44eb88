"""One busy person: no event is lost on the way through many runs, and nobody else waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowHistory

from storage.ledger import kept
from storage.runs import backlog
from tests.servers import wait_until
from tests.stage import Stage, kinds
from workflows import traveller

SERVERS_LIMIT = 51_200
"""Events in one history after which the server ends a run."""


async def test_thousands_of_signals(stage: Stage, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I3: a run that is signalled 2,000 times continues as new again and again, and the journey sees each event once.

    Killed by: dropping _is_long, or leaving `waiting` or `seen` out of Inbox.carried.
    """
    monkeypatch.setattr(traveller, "EVENTS_BEFORE_CONTINUING", 300)
    await listening(stage, user)
    run, first = stage.handle("listener", user), await stage.run_id("listener", user)
    for start in range(0, 2000, 50):
        await asyncio.gather(*(run.signal("event", seen(number)) for number in range(start, start + 50)))
    await stage.wake("listener", user)
    assert (await stage.result("listener", user))["outcome"] == "went to its end"
    assert await counted(stage, user) == "/seen-2000-videos"
    lengths = [len(history.events) for history in await chain(stage, user, first)]
    assert len(lengths) >= 5
    assert max(lengths) < 300 + 1000


async def test_ten_thousand_events(stage: Stage, user: str) -> None:
    """I4: 10,000 events of one person break nothing, and somebody else's journey begins before they are all routed.

    Killed by: routing people one after another in Relay._run, or signalling each event by itself in Router.
    """
    other = f"{user}-other"
    await stage.knows(other)
    await listening(stage, user)
    first = await stage.run_id("listener", user)
    events = [stage.event(user, "Video Playback Completed", content_asset_id="v") for _ in range(10_000)]
    await stage.take(*events)
    await stage.take(stage.event(other, "Signed Up"))
    assert kinds(await stage.sent(other)) == ["email onboarding/welcome"]
    async with stage.database.read() as connection:
        assert await backlog(connection) > 0, "somebody else's mail went out before the last of the 10,000 was routed"
    await wait_until(stage.relay.idle, 60)
    await stage.wake("listener", user)
    assert (await stage.result("listener", user))["outcome"] == "went to its end"
    assert await counted(stage, user) == "/seen-10000-videos"
    assert max(len(history.events) for history in await chain(stage, user, first)) < SERVERS_LIMIT / 10


async def listening(stage: Stage, user: str) -> None:
    """Bring a person to where the journey takes one video after another."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="listener"))
    await stage.wake("listener", user)


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
