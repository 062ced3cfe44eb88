"""A run that is woken in its quiet phase: by accident it sleeps on, by support it begins."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowUpdateFailedError

from storage.ledger import kept
from tests.acceptance.details import details
from tests.servers import wait_until
from tests.stage import Stage, kinds


async def test_by_accident(stage: Stage, user: str) -> None:
    """Whatever wakes a delayed run before its time, it sends nothing and sleeps on until the quiet is over.

    Killed by: dropping the look at the time in Guard.admit.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR"))
    before = await stage.run_id("cart_abandonment", user, "c")
    with pytest.raises(WorkflowUpdateFailedError):
        await stage.handle("cart_abandonment", user, "c").execute_update("no such update")
    await stage.asleep_again("cart_abandonment", user, "c", after=before)
    assert await stage.sends(user) == []
    await stage.wake("cart_abandonment", user, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]


async def test_by_support(stage: Stage, user: str) -> None:
    """`skip` in the quiet phase lets the journey begin at once, with what the cart holds by now, and tells of no quiet.

    Killed by: not asking for `skips_quiet` in Errands._judged.
    """
    await stage.knows(user)
    for value in ("30", "75"):
        await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=value, currency="EUR"))
    answer = await stage.handle("cart_abandonment", user, "c").execute_update("skip", "a test by support")
    assert "begins now" in answer
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "€75.00" in message.rendered["text"]

    async def began() -> list[str]:
        told = await details(stage, "cart_abandonment", user, "c")
        return [line for line in told.splitlines() if "began" in line]

    told = await wait_until(began)
    assert [line for line in told if not line.endswith(": began")] == []
