"""Support pauses a run and resumes it: nothing is sent meanwhile, nobody is lost, and what was due follows its rule."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from storage.ledger import kept
from tests.acceptance.details import awaited, details
from tests.acceptance.support import story
from tests.stage import Stage, kinds
from workflows import waiting


async def test_send_when_resumed(stage: Stage, user: str) -> None:
    """G4: while a run is paused its waits run out and nothing is sent; resumed, it sends at once and goes on to its end.

    Killed by: not asking Pausing.over in Sending.outcome, or not looking at `words` there.
    """
    await begun(stage, "nap", user)
    answer = await stage.handle("nap", user).execute_update("pause", args=["complained", "kim"])
    assert answer == "Paused: nothing is sent until it is resumed."
    assert "**Now:** paused by kim: complained; sleep 30 days (" in await details(stage, "nap", user)
    await stage.wake("nap", user)
    line = await awaited(stage, "is due", "nap", user)
    assert line == "**Now:** paused by kim: complained; push onboarding/first_look is due"
    assert await stage.sends(user) == []

    assert (
        await stage.handle("nap", user).execute_update("resume", {"reason": "all is well", "by": "lee"}) == "Resumed."
    )
    account = await stage.result("nap", user)
    assert account["outcome"] == "went to its end"
    assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]
    told = [line.split(": ", 1)[1] for line in account["story"]]
    assert told[:2] == ["paused by kim: complained", "resumed by lee: all is well"]


async def test_skip_when_resumed(stage: Stage, user: str) -> None:
    """G4: under the rule `skip` what was due while paused is withheld, the journey sees that and goes on; later it sends.

    Killed by: answering True for every rule in Pausing.over.
    """
    await begun(stage, "skipper", user)
    await stage.handle("skipper", user).execute_update("pause", "complained")
    await stage.wake("skipper", user)
    await awaited(stage, "is due", "skipper", user)
    await stage.handle("skipper", user).execute_update("resume", "all is well")
    await awaited(stage, "sleep 1 hour", "skipper", user)
    (line,) = await stage.sends(user)
    assert (line.status, line.reason) == ("withheld", "paused when it was due")
    await stage.wake("skipper", user)
    account = await stage.result("skipper", user)
    assert [line.split(": ", 1)[1] for line in account["unsent"]] == [
        "email onboarding/welcome: withheld, paused when it was due"
    ]
    await stage.sent(user)
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "/first-withheld" in message.rendered["html"]


async def test_spread_when_resumed(stage: Stage, user: str) -> None:
    """G4: under the rule `spread` each person is written to at a moment of their own within the hour after the resume.

    Killed by: waiting until now, or until the same moment for everybody, in Pausing.over.
    """
    people = [f"{user}-{number}" for number in range(6)]
    for each in people:
        await begun(stage, "spreader", each)
        await stage.handle("spreader", each).execute_update("pause", "a storm")
        await stage.wake("spreader", each)
        await awaited(stage, "is due", "spreader", each)
    lefts = []
    for each in people:
        await stage.handle("spreader", each).execute_update("resume", "it is over")
        await awaited(stage, "its place in the hour after the pause", "spreader", each)
        lefts.append(await stage.timelapse.until_wake(stage.handle("spreader", each)))
        assert await stage.sends(each) == []
    minutes = {round(left / timedelta(minutes=1)) for left in lefts if left is not None}
    assert all(0 <= minute <= 60 for minute in minutes)
    assert len(minutes) > 2
    for each in people:
        await stage.wake("spreader", each)
        assert kinds(await stage.sent(each)) == ["email onboarding/welcome"]


async def test_paused_again_in_its_hour(stage: Stage, user: str) -> None:
    """Who is paused once more before the moment has come has another after the second resume, and is written to once.

    Killed by: keeping the first moment, or not waking at the pause, in Pausing.over.
    """
    await begun(stage, "spreader", user)
    run = stage.handle("spreader", user)
    await run.execute_update("pause", "a storm")
    await stage.wake("spreader", user)
    for _ in range(2):
        await awaited(stage, "is due", "spreader", user)
        await run.execute_update("resume", "it is over")
        await awaited(stage, "its place in the hour", "spreader", user)
        await run.execute_update("pause", "another one")
        await stage.forward("spreader", user, by=timedelta(hours=1))
    assert await stage.sends(user) == []
    await run.execute_update("resume", "it is over")
    await stage.wake("spreader", user)
    assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]
    assert (await stage.result("spreader", user))["outcome"] == "went to its end"


@pytest.mark.parametrize("parked", [False, True], ids=["in a wait", "at a message"])
async def test_goal_while_paused(stage: Stage, user: str, parked: bool) -> None:
    """A goal ends a paused run within a second, whether it waits for time or for the resume, and nothing is sent.

    Killed by: catching CancelledError in Pausing.over.
    """
    await begun(stage, "nap", user)
    await stage.handle("nap", user).execute_update("pause", "complained")
    if parked:
        await stage.wake("nap", user)
        await awaited(stage, "is due", "nap", user)
    await stage.happens(stage.event(user, "Order Completed", id=f"{user}-bought", order_id="o"))
    began = time.monotonic()
    account = await stage.result("nap", user)
    assert time.monotonic() - began < 1
    assert account["outcome"] == f"ended by Order Completed ({user}-bought)"
    assert await stage.sends(user) == []


async def test_events_while_paused(stage: Stage, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens while a run is paused is taken in as ever, also as it continues as new; so is the pause itself.

    Killed by: leaving `paused` out of Carried in Host._go_on.
    """
    monkeypatch.setattr(waiting, "EVENTS_BEFORE_CONTINUING", 40)
    await begun(stage, "listener", user)
    await stage.handle("listener", user).execute_update("pause", "complained")
    await stage.wake("listener", user)
    first = await stage.run_id("listener", user)
    for _ in range(12):
        await stage.happens(stage.event(user, "Video Playback Completed", content_asset_id="v"))
    await stage.asleep_again("listener", user, after=first)
    assert "paused by support: complained; wait for Video" in await awaited(stage, "wait for", "listener", user)
    await stage.wake("listener", user)
    await awaited(stage, "paused by support: complained; email onboarding/welcome is due", "listener", user)
    assert await stage.sends(user) == []
    await stage.handle("listener", user).execute_update("resume")
    await stage.result("listener", user)
    await stage.sent(user)
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "/seen-12-videos" in message.rendered["html"]


async def test_parked_as_it_continues(stage: Stage, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that was due while paused follows its rule also when the run has continued as new since.

    Killed by: not noting `paused` in the journal's record in Pausing.over.
    """
    await begun(stage, "skipper", user)
    run = stage.handle("skipper", user)
    await run.execute_update("pause", "complained")
    await stage.wake("skipper", user)
    await awaited(stage, "is due", "skipper", user)
    first = await stage.run_id("skipper", user)
    monkeypatch.setattr(waiting, "EVENTS_BEFORE_CONTINUING", 5)
    assert "It is paused" in await run.execute_update("skip", "too long")
    monkeypatch.setattr(waiting, "EVENTS_BEFORE_CONTINUING", 4000)
    await stage.asleep_again("skipper", user, after=first)
    await awaited(stage, "paused by support: complained; email onboarding/welcome is due", "skipper", user)
    await stage.handle("skipper", user).execute_update("resume")
    await awaited(stage, "sleep 1 hour", "skipper", user)
    (line,) = await stage.sends(user)
    assert (line.status, line.reason) == ("withheld", "paused when it was due")


async def test_in_the_quiet_phase(stage: Stage, user: str) -> None:
    """A run that is paused in its quiet phase sleeps on through it, holds its message, and sends once it is resumed.

    The story tells of the pause also while the run cannot be asked.
    Killed by: not asking whether the quiet is over before holding back in Sending.outcome, not carrying the pause, or
    leaving the memo as it was in Host._go_on.
    """
    await stage.knows(user)
    first = stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR")
    await stage.happens(first)
    before = await stage.run_id("cart_abandonment", user, "c")
    await stage.handle("cart_abandonment", user, "c").execute_update("pause", args=["complained", "kim"])
    before = await stage.asleep_again("cart_abandonment", user, "c", after=before)
    assert "now: paused by kim: complained; waits for the quiet to be over, until " in await story(stage, user)
    later = first.occurred_at + timedelta(minutes=20)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value="75", currency="EUR", at=later))
    await stage.wake("cart_abandonment", user, "c")
    await stage.asleep_again("cart_abandonment", user, "c", after=before)
    await stage.wake("cart_abandonment", user, "c")
    line = await awaited(stage, "is due", "cart_abandonment", user, "c")
    assert line.startswith("**Now:** paused by kim: complained; ")
    assert await stage.sends(user) == []
    await stage.handle("cart_abandonment", user, "c").execute_update("resume")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "€75.00" in message.rendered["text"]


async def test_resumed_in_the_quiet_phase(stage: Stage, user: str) -> None:
    """A run that is paused and resumed in its quiet phase has lost nothing: it writes when the quiet is over, once."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR"))
    run, before = stage.handle("cart_abandonment", user, "c"), await stage.run_id("cart_abandonment", user, "c")
    for update in ("pause", "resume"):
        await run.execute_update(update, "a test")
        before = await stage.asleep_again("cart_abandonment", user, "c", after=before)
    assert await stage.sends(user) == []
    assert "now: waits for the quiet to be over, until " in await story(stage, user)
    await stage.wake("cart_abandonment", user, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]


async def test_bought_while_paused_in_the_quiet_phase(stage: Stage, user: str) -> None:
    """The goal also ends a run that sleeps through its quiet phase while it is paused."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR"))
    before = await stage.run_id("cart_abandonment", user, "c")
    await stage.handle("cart_abandonment", user, "c").execute_update("pause", "complained")
    await stage.asleep_again("cart_abandonment", user, "c", after=before)
    await stage.happens(stage.event(user, "Order Completed", id=f"{user}-bought", cart_id="c", order_id="o"))
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == f"ended by Order Completed ({user}-bought)"
    assert any("paused by support: complained" in line for line in account["story"])


async def begun(stage: Stage, journey: str, user: str) -> None:
    """Bring a person into one of the journeys that a file's name starts, up to its first wait."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name=journey))
    await awaited(stage, "sleep", journey, user)
