"""A provider's answer that is lost: a service email is handed over once more after its silence, marketing never again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.ledger import Send, put_send
from tests.acceptance.support import reset, walk_on
from tests.doubles.sendgrid import CUT_AFTER_ACCEPT, Behaviour, SendGridDouble, rate_limited
from tests.servers import wait_until
from tests.stage import Stage

SILENCE = timedelta(minutes=15)
LATER = rate_limited(1)


async def test_over_the_rate(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """B4, B9: a message that the provider did not take because of its rate is handed over when it says, under the same key,
    once: that the step is known already does not keep it back.

    Killed by: leaving the claim on a message that was not taken, so that its next attempt finds it claimed.
    """
    double.script(LATER, LATER)
    await mailing.knows(user, birthday="02-03")
    await mailing.happens(mailing.event(user, "File Downloaded", file_name="newcomer"))
    (line,) = await mailing.sent(user)
    assert [call.send_key for call in double.calls] == [line.send_key] * 3
    assert double.accepted == {line.send_key: 1}
    assert (await mailing.result("newcomer", user))["outcome"] == "went to its end"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param((LATER, CUT_AFTER_ACCEPT, CUT_AFTER_ACCEPT), id="429 before the first"),
        pytest.param((CUT_AFTER_ACCEPT, LATER, CUT_AFTER_ACCEPT), id="429 before the second"),
    ],
)
async def test_service(mailing: Stage, double: SendGridDouble, user: str, answers: tuple[Behaviour, ...]) -> None:
    """B3, B4: a service email whose answers are lost is handed over once more after fifteen minutes of silence, and never
    a third time, a 429 before or after notwithstanding and even where support resets the run.

    Killed by: forgetting `resent` where a line is claimed again, or never setting it; answering `unknown` for good.
    """
    double.script(*answers)
    await mailing.knows(user, birthday="02-03")
    await mailing.happens(mailing.event(user, "File Downloaded", file_name="newcomer"))
    first = await unknown(mailing, user)
    assert double.accepted == {first.send_key: 1}

    await silent_for_long(mailing, user)
    await mailing.wake("newcomer", user)
    account = await mailing.result("newcomer", user)
    assert ": unknown, " in account["unsent"][0]
    assert double.accepted == {first.send_key: 2}

    await silent_for_long(mailing, user)
    await reset(mailing, "newcomer", user)
    await walk_on(mailing, "newcomer", user)
    assert [call.behaviour for call in double.calls] == [*answers]
    assert [line.status for line in await mailing.sends(user)] == ["unknown"]


async def test_marketing(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """B3, B4: a marketing email whose answer is lost after a 429 is never handed over again: not after the silence, not
    after a reset. The journey goes on with its next one.

    Killed by: treating an unknown marketing email like one of service when its step comes up again.
    """
    double.script(LATER, CUT_AFTER_ACCEPT)
    await mailing.knows(user)
    await mailing.happens(mailing.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    waking = asyncio.create_task(mailing.wake("cart_abandonment", user, "c"))
    first = await unknown(mailing, user)
    await waking

    await silent_for_long(mailing, user)
    await mailing.wake("cart_abandonment", user, "c")
    (second,) = await mailing.sent(user)
    assert (await mailing.result("cart_abandonment", user, "c"))["outcome"] == "went to its end"
    await silent_for_long(mailing, user)
    await reset(mailing, "cart_abandonment", user, "c")
    await walk_on(mailing, "cart_abandonment", user, "c")
    assert double.accepted == {first.send_key: 1, second.send_key: 1}
    assert len(double.calls) == 3


async def unknown(stage: Stage, user: str) -> Send:
    """Wait until what became of the person's first message is in doubt."""
    (line, *_) = await wait_until(lambda: stage.sends(user, status="unknown"), 20)
    return line


async def silent_for_long(stage: Stage, user: str) -> None:
    """The provider has said nothing for fifteen minutes. That is machine time, which moves for no run."""
    async with stage.database.write() as connection:
        for line in await stage.sends(user, status="unknown"):
            earlier = None if line.until is None else line.until - SILENCE
            await put_send(stage.database, connection, replace(line, until=earlier))
