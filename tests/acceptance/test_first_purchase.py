"""Start and condition on the same fact: the event that starts a journey is counted before its condition is asked."""

from __future__ import annotations

import asyncio

from ingestion.incoming import Incoming
from storage.runs import entries_of_person
from tests.acceptance.doors import second_door
from tests.stage import Stage, kinds


async def test_first_purchase(stage: Stage, user: str) -> None:
    """F5: "the first purchase" is the first, every time: six people who buy for the first time at once are let in, and
    none of them once more at the second purchase.

    Killed by: counting an order after it was routed, or judging `where` by the person before the event.
    """
    people = [f"{user}-{number}" for number in range(6)]
    for each in people:
        await stage.take(stage.event(each, "Identified", traits={"email": f"{each}@example.com"}))
    async with second_door(stage) as other:
        await asyncio.gather(
            *((stage.acceptor, other)[place % 2].accept([order(stage, each, 1)]) for place, each in enumerate(people))
        )
        await stage.routed()
    await stage.happens(*(order(stage, each, 2) for each in people))
    for each in people:
        assert await entered(stage, each) == ["greet-1"]
        mine = [line for line in await stage.sent(each, 3) if line.journey == "first_order"]
        assert kinds(mine) == ["email onboarding/welcome"]


async def test_anonymous_before(stage: Stage, user: str) -> None:
    """F5: who buys before they are known buys for the first time when they are recognised, and enters then.

    Killed by: not counting adopted events in Consequences.adopt.
    """
    bought = stage.event(None, "Order Completed", id=f"{user}-o", anonymous=f"{user}-a", order_id="greet-1", value=20)
    await stage.happens(bought)
    traits = {"email": f"{user}@example.com"}
    await stage.happens(stage.event(user, "Identified", anonymous=f"{user}-a", traits=traits))
    assert await entered(stage, user) == ["greet-1"]


def order(stage: Stage, user: str, number: int) -> Incoming:
    """One purchase."""
    return stage.event(user, "Order Completed", order_id=f"greet-{number}", value=20, currency="EUR")


async def entered(stage: Stage, user: str) -> list[str]:
    """The orders by which the person has entered `first_order`."""
    async with stage.database.read() as connection:
        found = await entries_of_person(connection, user)
    return [entry.place.key for entry in found if entry.place.journey == "first_order"]
