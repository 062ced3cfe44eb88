"""What support sees and can do: found by the person, told in words, skipped and stopped."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict
from temporalio.api.sdk.v1 import WorkflowMetadata

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

    Killed by: not looking at `_skipped` in Traveller._wait.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    await wait_until(lambda: details(stage, user))
    answer = await stage.handle("nap", user).execute_update("skip", "asked by phone")
    assert answer == "Skipped: sleep 30 days."
    account = await stage.result("nap", user)
    assert account["outcome"] == "went to its end"
    assert any("support skipped the wait sleep 30 days: asked by phone" in line for line in account["story"])
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


async def test_told_while_it_waits(stage: Stage, user: str) -> None:
    """While a journey waits, its current details say what it is, what it waits for and until when.

    Killed by: not calling set_current_details in Traveller._wait.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    told = await wait_until(lambda: details(stage, user))
    assert "### Let a long time pass" in told
    assert "**Now:** sleep 30 days (" in told
    assert "Europe/Berlin)" in told


async def test_told_at_the_end(stage: Stage, user: str) -> None:
    """H7: the result tells what was sent, what was not and why; a missing push token is a reason, and not the end.

    Killed by: ending the journey where no channel reaches the person, or leaving the reason out of Traveller._record.
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

    Killed by: taking the first message of first_of in Guard.choose whether it reaches the person or not.
    """
    with_token = f"{user}-phone"
    for each, context in ((user, {}), (with_token, {"device": {"token": "t" * 40}})):
        await stage.knows(each)
        event = stage.event(each, "Cart Updated", cart_id="c", value=59, currency="EUR", context=context)
        await stage.happens(event)
        await stage.wake("cart_abandonment", each, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]
    assert kinds(await stage.sent(with_token)) == ["push cart/still_here"]


async def details(stage: Stage, user: str) -> str:
    """The current details as the web UI shows them; empty before the first wait."""
    metadata = await stage.handle("nap", user).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(MessageToDict(metadata).get("currentDetails", ""))
