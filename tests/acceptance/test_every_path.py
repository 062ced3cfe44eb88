"""Every path of every journey, for everybody, and any order of events: the rules hold on each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import Event
from rehearsal import Persona, Told, rehearse
from rehearsal.house import housed
from rehearsal.paths import Path, explore
from rehearsal.persona import crossed
from workflows import hours, minutes
from workflows.clock import zone_of
from workflows.definition import Journey

JOURNEYS = ("cart_abandonment", "onboarding", "post_purchase", "win_back")
RULES = {"quiet_hours": "22:00-08:00", "caps": "3 a week rolling"}
SEEN = ("email", "push")
"""Channels that reach a person who is not there."""


def wrong(told: Sequence[Told], zone: str, *, refuses: bool = False) -> list[str]:
    """What broke a rule: consent, quiet hours or the cap."""
    sent = [each for each in told if each.is_sent]
    marketing = [each for each in sent if each.kind == "marketing"]
    found = [f"{each}: refused" for each in marketing if refuses]
    local = [(each, each.at.astimezone(zone_of(zone)).hour) for each in marketing if each.channel in SEEN]
    found += [f"{each}: in the night" for each, hour in local if hour >= 22 or hour < 8]
    for place, each in enumerate(marketing):
        week = [other for other in marketing[: place + 1] if each.at - other.at < timedelta(days=7)]
        found += [f"{each}: more than three a week"] if len(week) > 3 else []
    return found


def late(path: Path, journey: Journey[Event]) -> list[str]:
    """What was sent after the goal had been reached; what starts a quiet phase only prolongs it while it lasts."""
    goals = {name: name in journey.start_names and journey.quiet is not None for name in journey.goal_names}
    asked = [(turn, goals.get(turn.what.event)) for turn in path.turns if turn.what is not None]
    reached = [turn.at for turn, prolongs in asked if prolongs is False or (prolongs and turn.where != "in the quiet")]
    return [f"{each}: after the goal" for each in path.told for at in reached[:1] if each.is_sent and each.at > at]


@pytest.mark.parametrize("journey", JOURNEYS)
async def test_all_paths_for_everybody(journey: str) -> None:
    """T6: on every path, with every device, country, consent and zone, no message goes in the night of its reader, above
    the cap, against their word, or after the goal; and something goes to those who want it.

    Killed by: leaving quiet hours or caps out of Timing, or consent out of Reach; or goals out of both the guard and
    Router._end, each of which is enough where nothing happens at the same instant.
    """
    found: list[str] = []
    walks, reached = 0, set[str]()
    async with housed(journey, rules=RULES) as house:
        walked = house.catalogue[journey].journey
        for persona in crossed():
            async for path in explore(house, journey, persona):
                walks += 1
                found += wrong(path.told, persona.zone, refuses=bool(persona.refuses)) + late(path, walked)
                if any(told.is_sent and told.kind == "marketing" for told in path.told):
                    reached.add(persona.name)
    assert found == []
    assert walks > 16
    assert reached == {persona.name for persona in crossed() if not persona.refuses}


NAMES: dict[str, dict[str, Any]] = {
    "Signed Up": {},
    "Product Viewed": {"product_id": "p-1"},
    "Product Added": {"product_id": "p-1", "cart_id": "c-1"},
    "Cart Updated": {"cart_id": "c-1", "value": "59.90", "currency": "EUR"},
    "Cart Emptied": {"cart_id": "c-1"},
    "Order Completed": {"cart_id": "c-1", "order_id": "o-1", "value": "59.90", "currency": "EUR"},
    "Unsubscribed": {"channel": "*", "topic": "*"},
    "Subscribed": {"channel": "*", "topic": "*"},
}
STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(NAMES)), st.sampled_from([0, 1, 20, 61, 600, 1500, 5000, 45000])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=STEPS, zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Chatham"]), hour=st.integers(0, 23)
)
def test_any_order_of_events(steps: list[tuple[str, int]], zone: str, hour: int) -> None:
    """T6: whatever happens in whatever order and however far apart, nobody is reminded of a cart they have bought, written to
    in their night, above the cap, or between saying that they want nothing and saying that they do.

    Killed by: leaving quiet hours or caps out of Timing, consent out of Reach, or goals out of both the guard and Router._end.
    """
    with rehearse(persona=Persona(zone=zone, hour=hour, push=True), **RULES) as person:
        refused: list[tuple[Any, Any]] = []
        for name, pause in steps:
            if name == "Unsubscribed":
                refused.append((person.now, None))
            if name == "Subscribed":
                refused = [(since, until or person.now) for since, until in refused]
            person.does(name, **NAMES[name]).waits(minutes(pause))
            if name == "Order Completed":
                bought = person.now - minutes(pause)
                reminders = [each for each in person.told if each.template.startswith("cart/") and each.is_sent]
                assert not [each for each in reminders if each.at > bought]
        person.waits(hours(24 * 40))
        assert wrong(person.told, zone) == []
        unasked = [
            each
            for each in person.told
            if each.is_sent and each.kind == "marketing"
            for since, until in refused
            if each.at > since and (until is None or each.at < until)
        ]
        assert unasked == []
