"""What support sees and can do: found by the person, told in words, skipped and stopped."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowUpdateFailedError

from tests.acceptance.details import awaited, details
from tests.servers import wait_until
from tests.stage import Stage, kinds


async def test_found_by_the_person(stage: Stage, user: str) -> None:
    """Every run of a person is found by UserId, under the id journey/user/key.

    Killed by: leaving the search attribute out of Departures.start, or the key out of workflow_id.
    """
    await stage.knows(user)
    await stage.happens(
        stage.event(user, "Cart Updated", cart_id="c/1", value=59, currency="EUR"),
        stage.event(user, "File Downloaded", file_name="nap"),
    )
    expected = sorted([f"cart_abandonment/{user}/c%2F1", f"nap/{user}", f"win_back/{user}"])

    async def all_shown() -> bool:
        return await stage.runs(user) == expected

    await wait_until(all_shown)
    description = await stage.handle("cart_abandonment", user, "c/1").describe()
    assert description.workflow_type == "cart_abandonment"
    assert await description.static_summary()
    assert "Bring back a shopper" in (await description.static_details() or "")


async def test_skip(stage: Stage, user: str) -> None:
    """Support can skip a wait: the journey goes on with its next step at once, and the account says who did it and why.

    Killed by: not looking at `_skipped` in Waiting.until.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    await wait_until(lambda: details(stage, "nap", user))
    answer = await stage.handle("nap", user).execute_update("skip", "asked by phone")
    assert answer == "Skipped: sleep 30 days."
    account = await stage.result("nap", user)
    assert account["outcome"] == "went to its end"
    assert any("sleep 30 days: skipped by support: asked by phone" in line for line in account["story"])
    assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]


async def test_stop(stage: Stage, user: str) -> None:
    """Support can stop a run: nothing more is sent, and the account says why.

    Killed by: answering in Host.stop without ending the walk.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    assert await stage.handle("nap", user).execute_update("stop", "complained") == "Stopped."
    account = await stage.result("nap", user)
    assert account["outcome"] == "stopped by support: complained"
    assert await stage.sends(user) == []


async def test_who_and_why(stage: Stage, user: str) -> None:
    """Whoever skips, pauses, resumes or stops stands in the story by name, with the reason, as text or as an object.

    Killed by: leaving the name out of Asked.__str__, or not telling one of the four in the Host.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="skipper"))
    await awaited(stage, "sleep", "skipper", user)
    run = stage.handle("skipper", user)
    await run.execute_update("pause", args=["complained", "kim"])
    assert await run.execute_update("skip", {"reason": "asked by phone", "by": "lee"}) == "Skipped: sleep 1 hour."
    await awaited(stage, "is due", "skipper", user)
    assert await run.execute_update("skip", "too slow") == "It is paused: resume it."
    await run.execute_update("resume", {"by": "kim"})
    await run.execute_update("stop", {"reason": "moved away", "by": "n" * 101})
    account = await stage.result("skipper", user)
    assert [line.split(": ", 1)[1] for line in account["story"]] == [
        "paused by kim: complained",
        "sleep 1 hour: skipped by lee: asked by phone",
        "resumed by kim: no reason given",
        "email onboarding/welcome: withheld, paused when it was due",
        f"stopped by {'n' * 99}…: moved away",
    ]


async def test_neither_reason_nor_name(stage: Stage, user: str) -> None:
    """An update that says something else is refused with an example, and leaves no trace in the run.

    Killed by: reading the reason in the update itself without a validator.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    await awaited(stage, "sleep", "nap", user)
    run = stage.handle("nap", user)
    length = len((await run.fetch_history()).events)
    for name in ("skip", "stop", "pause", "resume"):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await run.execute_update(name, {"because": "asked by phone"})
        assert '{"reason": "asked by phone", "by": "kim"}' in str(refused.value.cause)
    assert len((await run.fetch_history()).events) == length
    assert await run.execute_update("resume") == "It is not paused."


async def test_told_while_it_waits(stage: Stage, user: str) -> None:
    """While a journey waits, its current details say what it is, what it waits for and until when.

    Killed by: not calling `awaits` in Waiting.until.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    told = await wait_until(lambda: details(stage, "nap", user))
    assert "### Let a long time pass" in told
    assert "**Now:** sleep 30 days (" in told
    assert "Europe/Berlin)" in told


async def test_told_at_the_end(stage: Stage, user: str) -> None:
    """E7, H7: the result tells what was sent, what was not and why; a missing push token is a reason, and not the end.

    Killed by: ending the journey where no channel reaches the person, or leaving the reason out of Story.record.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    await stage.wake("nap", user)
    account = await stage.result("nap", user)
    assert account["outcome"] == "went to its end"
    assert [line.split(": ", 1)[1] for line in account["sent"]] == ["email onboarding/welcome"]
    assert [line.split(": ", 1)[1] for line in account["unsent"]] == [
        "push onboarding/first_look: withheld, push: no push token"
    ]
    assert account["story"][-1].endswith(": went to its end")
    assert all("Europe/Berlin: " in line for line in account["story"])


async def test_next_channel(stage: Stage, user: str) -> None:
    """H7: a message with a choice of channels takes the next one where the push token is missing, and push where there is one.

    Killed by: taking the first message of first_of in Reach.choose whether it reaches the person or not.
    """
    with_token = f"{user}-phone"
    for each, context in ((user, {}), (with_token, {"device": {"token": "t" * 40}})):
        await stage.knows(each)
        event = stage.event(each, "Cart Updated", cart_id="c", value=59, currency="EUR", context=context)
        await stage.happens(event)
        await stage.wake("cart_abandonment", each, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]
    assert kinds(await stage.sent(with_token)) == ["push cart/still_here"]
