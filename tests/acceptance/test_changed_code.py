"""Code that is wrong, missing or changed while people are in it: nobody is lost, and everybody goes on after the mend."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

import journeys
from events import FileDownloaded
from stack import TemporalServer
from storage.ledger import kept
from tests.servers import wait_until
from tests.stage import kinds, staged
from workflows.inbox import written
from workflows.input import JourneyInput

DRAFT = '''
"""Say where to look next; its file is rewritten while people are in it."""

from events import VideoPlaybackCompleted
from workflows import User, always, email, hours, journey


@journey(
    starts_on=VideoPlaybackCompleted,
    where=lambda video, person: (video.content_asset_id or "").startswith("draft-"),
    one_per="content_asset_id",
    again=always,
)
async def draft(user: User, video: VideoPlaybackCompleted) -> None:
    await user.sleep(hours(1))
    {line}
'''
SEND = 'await user.send(email("onboarding/welcome", link="https://shop.example.com/{edition}"))'

Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes the last line of journeys/draft.py, in a folder that adds to the package as any other may."""
    folder = tmp_path / "more" / "journeys"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Journeys of one test."""\n')
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(journeys, "__path__", [*journeys.__path__, str(folder)])

    def write(line: str) -> None:
        (folder / "draft.py").write_text(DRAFT.format(line=line))
        importlib.invalidate_caches()

    yield write
    sys.modules.pop("journeys.draft", None)
    journeys.__dict__.pop("draft", None)


async def test_journey_that_throws(temporal: TemporalServer, tmp_path: Path, user: str, write: Write) -> None:
    """A mistake in a journey fails its task, visibly, and the person goes on from the same step after the mend.

    Killed by: letting the worker fail a workflow for any exception (workflow_failure_exception_types).
    """
    write("raise ValueError(video.no_such_field)")
    async with staged(database(tmp_path), temporal.address, tmp_path) as stage:
        await stage.knows(user)
        await stage.happens(stage.event(user, "Video Playback Completed", content_asset_id="draft-1"))
        await stage.wake("draft", user, "draft-1")
        assert "no_such_field" in await failure(stage.handle("draft", user, "draft-1"))
        assert await stage.is_open("draft", user, "draft-1")
        assert await stage.sends(user) == []

        write(SEND.format(edition="mended"))
        account = await stage.result("draft", user, "draft-1")
        assert account["outcome"] == "went to its end"
        assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]


async def test_unknown_journey(temporal: TemporalServer, tmp_path: Path, user: str, write: Write) -> None:
    """A run of a journey whose file is missing fails its task and waits; it walks as soon as the file is there.

    Killed by: raising an ApplicationError for a missing module in Host.run.
    """
    event = FileDownloaded.model_validate({"event_id": "e", "occurred_at": "2026-03-01T09:00:00Z"})
    async with staged(database(tmp_path), temporal.address, tmp_path) as stage:
        given = JourneyInput(user=user, entry="e", event=written(event)).written()
        run: WorkflowHandle[object, object] = await stage.client.start_workflow(
            "draft", given, id=f"draft/{user}", task_queue=stage.settings.task_queue
        )
        assert "journeys.draft" in await failure(run)
        write("pass")
        await stage.wake("draft", user)
        assert (await stage.result("draft", user))["outcome"] == "went to its end"


async def test_second_pass_runs_the_current_code(
    temporal: TemporalServer, tmp_path: Path, user: str, write: Write
) -> None:
    """F4, F3: a pass that begins after a change walks the changed code, and sends its first mail again.

    Killed by: importing journeys once per process instead of anew for each run.
    """
    write(SEND.format(edition="first-edition"))
    async with staged(database(tmp_path), temporal.address, tmp_path) as stage:
        await stage.knows(user)
        for count, edition in enumerate(("first-edition", "second-edition-with-more-words"), 1):
            write(SEND.format(edition=edition))
            await stage.happens(stage.event(user, "Video Playback Completed", content_asset_id="draft-1"))
            await stage.wake("draft", user, "draft-1")
            await stage.result("draft", user, "draft-1")
            await stage.sent(user, count)
            async with stage.database.read() as connection:
                newest, *_ = await kept(connection, user_id=user)
            assert f"example.com/{edition}" in newest.rendered["html"]


def database(folder: Path) -> str:
    """The address of an empty database in that folder."""
    return f"sqlite+aiosqlite:///{folder / 'journeyman.db'}"


async def failure(run: WorkflowHandle[object, object]) -> str:
    """The message of the run's failed task, as support sees it in the history."""

    async def failed() -> str:
        events = (await run.fetch_history()).events
        failures = [event for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED]
        return failures[0].workflow_task_failed_event_attributes.failure.message if failures else ""

    return await wait_until(failed, 20)
