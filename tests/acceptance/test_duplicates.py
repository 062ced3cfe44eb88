"""Duplicates: an event counts once, however often and through however many doors it comes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from stack import TemporalServer
from storage.ledger import kept
from storage.runs import entries_of_person
from tests.acceptance.doors import second_door
from tests.servers import wait_until
from tests.stage import Stage, kinds, staged


async def test_fifty_deliveries(stage: Stage, user: str) -> None:
    """B1: an event that is delivered 50 times, also after the journey has finished, makes one run and one mail.

    Killed by: ignoring `known` in Acceptor.commit.
    """
    await stage.knows(user)
    event = stage.event(user, "File Downloaded", id=f"{user}-again", file_name="nap")
    answers = await asyncio.gather(*(stage.take(event) for _ in range(50)))
    assert sum(answer == [True] for answer in answers) == 1
    await stage.routed()
    await stage.wake("nap", user)
    assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]
    await stage.result("nap", user)
    for _ in range(50):
        assert await stage.take(event) == [False]
    await stage.routed()
    assert not await stage.is_open("nap", user)
    assert len(await stage.sent(user)) == 1
    assert len(await runs_of(stage, user, "nap")) == 1


async def test_fifty_signals(stage: Stage, user: str) -> None:
    """B1: an event that a backend signals 50 times to a running journey is taken once.

    Killed by: dropping `_seen` in Inbox.put.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="listener"))
    video = {"type": "Video Playback Completed", "event_id": "v", "occurred_at": datetime.now(UTC).isoformat()}
    for _ in range(50):
        await stage.handle("listener", user).signal("event", video)
    await stage.wake("listener", user)
    await stage.wake("listener", user)
    assert "went to its end" in (await stage.result("listener", user))["outcome"]
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "/seen-1-videos" in message.rendered["html"]


async def test_two_doors_at_once(database_url: str, temporal: TemporalServer, tmp_path: Path, user: str) -> None:
    """B2, F1: two different events of a repeatable kind, accepted at once by two doors, open a once-only journey once.

    Killed by: deciding `again` in Router._start outside the person's lock, or _permits answering True for `never`.
    """
    people = [f"{user}-{number}" for number in range(10)]
    async with staged(database_url, temporal.address, tmp_path) as stage, second_door(stage) as other:
        for each in people:
            first, second = (stage.event(each, "File Downloaded", file_name="nap") for _ in range(2))
            await asyncio.gather(stage.acceptor.accept([first]), other.accept([second]))
        await stage.routed()

        for each in people:
            async with stage.database.read() as connection:
                entries = [entry for entry in await entries_of_person(connection, each) if entry.place.journey == "nap"]
            assert len(entries) == 1
            await wait_until(lambda each=each: stage.is_open("nap", each))  # type: ignore[misc]
            assert len(await runs_of(stage, each, "nap")) == 1


async def runs_of(stage: Stage, user: str, journey: str) -> list[str]:
    """The ids of this person's runs of a journey, as soon as visibility shows one."""
    prefix = f"{journey}/{user}"

    async def shown() -> list[str]:
        return [run for run in await stage.runs(user) if run == prefix or run.startswith(f"{prefix}/")]

    return await wait_until(shown)
