"""G6: an experiment whose weights change, and people who are kept out, on the real server."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from temporalio.service import RPCError

import journeys
from stack import TemporalServer
from storage.ledger import kept
from storage.runs import entries_of_person
from tests.stage import Stage, staged

OFFER = '''
"""Say where to look next, by an arm."""

from events import VideoPlaybackCompleted
from workflows import User, always, email, hours, journey


@journey(starts_on=VideoPlaybackCompleted, one_per="content_asset_id", again=always, holdout={holdout})
async def offer(user: User, video: VideoPlaybackCompleted) -> None:
    await user.sleep(hours(1))
    arm = user.variant("offer size", small={small}, large={large})
    await user.send(email("onboarding/welcome", link="https://shop.example.com/" + arm))
'''
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes journeys/offer.py with these weights, in a folder that adds to the package as any other may."""
    folder = tmp_path / "more" / "journeys"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Journeys of one test."""\n')
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(journeys, "__path__", [*journeys.__path__, str(folder)])

    def forget() -> None:
        sys.modules.pop("journeys.offer", None)
        journeys.__dict__.pop("offer", None)

    def write(small: int, large: int, holdout: int = 0) -> None:
        text = OFFER.format(small=small, large=large, holdout=holdout)
        (folder / "offer.py").write_text(text + f"# {len(text)} {small} {large}\n")
        importlib.invalidate_caches()
        forget()

    yield write
    forget()


async def test_weights_that_change(temporal: TemporalServer, tmp_path: Path, user: str, write: Write) -> None:
    """G6: a person keeps the arm through a change of the weights, in the run that is under way and in the next one.

    Killed by: drawing in Traveller.variant by the weights of the moment.
    """
    where = f"sqlite:///{tmp_path / 'journeyman.db'}"
    write(small=100, large=0)
    async with staged(where, temporal.address, tmp_path) as stage:
        await stage.knows(user)
        await enters(stage, user, "v-1")
    write(small=0, large=100)
    async with staged(where, temporal.address, tmp_path) as stage:
        assert await link(stage, user, "v-1", 1) == "small"
        await enters(stage, user, "v-2")
        assert await link(stage, user, "v-2", 2) == "small"
        other = f"{user}-other"
        await stage.knows(other)
        await enters(stage, other, "v-1")
        assert await link(stage, other, "v-1", 1) == "large"


async def test_held_out(temporal: TemporalServer, tmp_path: Path, user: str, write: Write) -> None:
    """Who is kept out has an entry that says so, no run and no message; the others have both.

    Killed by: opening the run of an entry that is held out.
    """
    write(small=1, large=0, holdout=50)
    async with staged(f"sqlite:///{tmp_path / 'journeyman.db'}", temporal.address, tmp_path) as stage:
        states = {}
        for name in (f"{user}-{number}" for number in range(12)):
            await enters(stage, name, "v-1")
            async with stage.database.read() as connection:
                (entry,) = [each for each in await entries_of_person(connection, name) if each.place.journey == "offer"]
            states[name] = entry.state
        assert set(states.values()) == {"holdout", "started"}
        for name, state in states.items():
            if state == "started":
                assert await stage.is_open("offer", name, "v-1")
            else:
                with pytest.raises(RPCError, match="not found"):
                    await stage.is_open("offer", name, "v-1")


async def enters(stage: Stage, user: str, video: str) -> None:
    """Let the person see that video to its end."""
    await stage.happens(stage.event(user, "Video Playback Completed", id=f"{user}-{video}", content_asset_id=video))


async def link(stage: Stage, user: str, video: str, count: int) -> str:
    """The arm that the person's newest message shows, once the journey of that video has come to its end."""
    await stage.wake("offer", user, video)
    await stage.result("offer", user, video)
    await stage.sent(user, count)
    async with stage.database.read() as connection:
        newest, *_ = await kept(connection, user_id=user)
    return next(arm for arm in ("small", "large") if f"example.com/{arm}" in newest.rendered["html"])
