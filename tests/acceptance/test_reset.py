"""A run that support has reset sends nothing twice, and a new pass of the same person does send."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from tests.acceptance.support import points, reset, walk_on
from tests.doubles.sendgrid import SendGridDouble
from tests.servers import wait_until
from tests.stage import Stage

JOURNEY = "win_back"


async def test_reset_and_second_pass(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """F3, T14 small: on one and the same person a second pass sends both its messages, and no reset of either pass sends
    one again: of the running run and of the finished one, at each of their workflow tasks.

    Killed by: leaving the entry out of step_key (F3), or naming steps by the run id (T14).
    """
    await mailing.knows(user)
    await mailing.happens(mailing.event(user, "Page Viewed", path="/"))
    for visit in (1, 2):
        await mailing.wake(JOURNEY, user)
        assert len(await mailing.sent(user, 2 * visit - 1)) == 2 * visit - 1
        await sleeps(mailing, user)
        async for point in each_point(mailing, user):
            await reset(mailing, JOURNEY, user, point=point)
            await sleeps(mailing, user)
        assert sent(double) == {"we_miss_you": visit, "last_offer": visit - 1}

        await mailing.wake(JOURNEY, user)
        assert (await mailing.result(JOURNEY, user))["outcome"] == "went to its end"
        assert len(await mailing.sent(user, 2 * visit)) == 2 * visit
        async for point in each_point(mailing, user):
            await reset(mailing, JOURNEY, user, point=point)
            await walk_on(mailing, JOURNEY, user)
            account = await mailing.result(JOURNEY, user)
            assert len(account["sent"]) == 2, "the account of what was sent is the same after a reset"
        assert sent(double) == {"we_miss_you": visit, "last_offer": visit}
        if visit == 1:
            await mailing.happens(mailing.event(user, "Page Viewed", path="/again"))
    assert max(double.accepted.values()) == 1
    assert len(double.accepted) == len(await mailing.sends(user)) == 4


async def each_point(stage: Stage, user: str) -> AsyncIterator[int]:
    """The numbers of all points of the run that stands there by then: after a reset it may have fewer than before."""
    point = 0
    while point < len(await points(stage, JOURNEY, user)):
        yield point
        point += 1


async def sleeps(stage: Stage, user: str) -> None:
    """Wait until the run waits for its second message."""
    await wait_until(lambda: stage.timelapse.until_wake(stage.handle(JOURNEY, user)), 20)


def sent(double: SendGridDouble) -> dict[str, int]:
    """How often the provider was given each message."""
    given = Counter(call.body["categories"][1].split("/")[1] for call in double.calls if call.body)
    return {name: given[name] for name in ("we_miss_you", "last_offer")}
