"""Ids too long for a workflow id: hashed there, whole everywhere else, and found by whoever looks for the person."""

from __future__ import annotations

from ingestion.departures import workflow_id
from storage.runs import Place
from tests.acceptance.support import story
from tests.servers import wait_until
from tests.stage import Stage, kinds

LONGEST = 200
"""Characters that the front door takes as a user id or key."""


async def test_found_by_the_person(stage: Stage, user: str) -> None:
    """A person and a cart whose ids fill all that is taken have their own run under a short id: it is found by UserId and
    in their story, reminds them of that cart, and is ended by its purchase alone.

    Killed by: leaving the hash out of departures._escaped, or writing the hashed id into UserId.
    """
    person = f"{user}-" + "ü" * (LONGEST - len(user) - 1)
    carts = [f"{'ж' * (LONGEST - 1)}{number}" for number in (1, 2)]
    await stage.happens(stage.event(person, "Identified", id=f"{user}-i", traits={"email": "ada@example.com"}))
    for number, cart in enumerate(carts):
        event = stage.event(person, "Cart Updated", id=f"{user}-{number}", cart_id=cart, value=59, currency="EUR")
        await stage.happens(event)
    expected = sorted(workflow_id(Place("cart_abandonment", person, cart)) for cart in carts)
    assert len(set(expected)) == 2
    assert all(len(each) <= 255 for each in expected)

    async def both_shown() -> bool:
        return [run for run in await stage.runs(person) if run.startswith("cart_abandonment/")] == expected

    await wait_until(both_shown)
    await stage.happens(stage.event(person, "Order Completed", id=f"{user}-o", cart_id=carts[0], order_id="o"))
    account = await stage.result("cart_abandonment", person, carts[0])
    assert account["outcome"] == f"ended by Order Completed ({user}-o)"
    await stage.wake("cart_abandonment", person, carts[1])
    await wait_until(lambda: reminded(stage, person))
    told = await story(stage, person)
    for each in expected:
        assert each in told
    assert f"ended by Order Completed ({user}-o)" in told
    assert "email cart/still_here: accepted by outbox" in told
    assert "wait for Cart Updated, at most 1 day" in told


def test_own_ids() -> None:
    """Places that differ in their last letter, or only in what stands on which side of a separator, have ids of their own;
    a short id stays readable.

    Killed by: cutting a long part off in departures._escaped, or not escaping the separator.
    """
    long = "k" * LONGEST
    places = [
        Place("nap", "u", ""),
        Place("nap", "u/c", ""),
        Place("nap", "u", "c"),
        Place("nap", "u", "c%2F"),
        Place("nap", "u", "c/"),
        Place("nap", long + "1", ""),
        Place("nap", long + "2", ""),
        Place("nap", "u", long + "1"),
        Place("nap", "u", long + "2"),
        Place("nap", long + "1", long + "1"),
    ]
    ids = [workflow_id(place) for place in places]
    assert len(set(ids)) == len(places)
    assert max(map(len, ids)) <= 255
    assert ids[:3] == ["nap/u", "nap/u%2Fc", "nap/u/c"]


async def reminded(stage: Stage, person: str) -> bool:
    """Whether the one reminder is out."""
    return "email cart/still_here" in kinds(await stage.sends(person, status="accepted"))
