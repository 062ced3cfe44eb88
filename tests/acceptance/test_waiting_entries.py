"""An entry that waits for the run before it: judged once more when its turn comes, and never dropped without a word."""

from __future__ import annotations

from ingestion.incoming import Incoming
from storage.runs import entries_of_person
from tests.acceptance.support import story
from tests.servers import wait_until
from tests.stage import Stage, kinds


async def test_no_longer_wanted(stage: Stage, user: str) -> None:
    """An entry whose `where` no longer holds when the run before it has ended is dropped: no run, no message, the reason in
    the person's story; and it keeps nobody out later.

    Killed by: leaving `enters` out of Router.resume, the reason out of it, or counting dropped entries in Router._start.
    """
    await stage.knows(user, birthday="02-03")
    await stage.happens(video(stage, user))
    await stage.sent(user)
    first = await stage.run_id("fan", user, "fan-1")
    await stage.take(video(stage, user))
    await wait_until(lambda: are(stage, user, "started", "waiting"))

    await stage.take(stage.event(user, "Identified", traits={"birthday": None}))
    await stage.wake("fan", user, "fan-1")
    await stage.routed()
    assert await are(stage, user, "started", "dropped")
    assert await stage.run_id("fan", user, "fan-1") == first
    assert len(await stage.sends(user)) == 1
    assert "entered (dropped: the condition to enter no longer held)" in await story(stage, user)

    await stage.knows(user, birthday="02-03")
    await stage.happens(video(stage, user))
    assert await are(stage, user, "started", "dropped", "started")
    assert kinds(await stage.sent(user, 2)) == ["email onboarding/welcome"] * 2


async def test_still_wanted(stage: Stage, user: str) -> None:
    """An entry whose `where` holds by then begins as soon as the run before it has ended, however often the person changed.

    Killed by: judging a waiting entry by the person of the moment in which it came.
    """
    await stage.knows(user, birthday="02-03")
    await stage.happens(video(stage, user))
    first = await stage.run_id("fan", user, "fan-1")
    await stage.take(video(stage, user))
    await wait_until(lambda: are(stage, user, "started", "waiting"))
    for birthday in (None, "02-04"):
        await stage.take(stage.event(user, "Identified", traits={"birthday": birthday}))
    await stage.wake("fan", user, "fan-1")
    await stage.asleep_again("fan", user, "fan-1", after=first)
    await stage.routed()
    assert await are(stage, user, "started", "started")
    assert len(await stage.sent(user, 2)) == 2


def video(stage: Stage, user: str) -> Incoming:
    """What makes the person a fan."""
    return stage.event(user, "Video Playback Completed", content_asset_id="fan-1")


async def are(stage: Stage, user: str, *states: str) -> bool:
    """Whether that is what has become of the person's entries into `fan`, oldest first."""
    async with stage.database.read() as connection:
        found = await entries_of_person(connection, user)
    return tuple(entry.state for entry in found if entry.place.journey == "fan") == states
