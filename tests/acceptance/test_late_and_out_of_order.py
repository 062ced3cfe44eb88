"""Late and out of order: what arrives together, or before the person is known, is seen together."""

from __future__ import annotations

from storage.ledger import kept
from storage.runs import entries_of_person
from tests.stage import Stage, kinds


async def test_profile_and_event_together(stage: Stage, user: str) -> None:
    """C1: who is identified in the same batch as the event enters by that profile, and is greeted by that name.

    Killed by: routing with a person read before the batch, or leaving out Person.learn in Consequences.take.
    """
    await stage.happens(
        stage.event(
            user, "Identified", traits={"email": f"{user}@example.com", "firstName": "Noor", "birthday": "02-03"}
        ),
        stage.event(user, "File Downloaded", file_name="newcomer"),
    )
    assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "Noor" in message.rendered["subject"]


async def test_half_a_profile(stage: Stage, user: str) -> None:
    """C1: who is not known well enough when the event is routed stays out.

    Killed by: leaving `where` out of Router._start.
    """
    await stage.happens(
        stage.event(user, "Identified", traits={"email": f"{user}@example.com", "firstName": "Noor"}),
        stage.event(user, "File Downloaded", file_name="newcomer"),
    )
    async with stage.database.read() as connection:
        entered = [entry.place.journey for entry in await entries_of_person(connection, user)]
    assert entered == ["win_back"]


async def test_never_heard_of(stage: Stage, user: str) -> None:
    """C2: the event of a user nobody has heard of opens a journey, which reaches them once their address is known.

    Killed by: routing only events of people who had a row before (lock_people not creating them).
    """
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=40, currency="EUR"))
    assert await stage.is_open("cart_abandonment", user, "c")
    await stage.knows(user)
    await stage.wake("cart_abandonment", user, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]
