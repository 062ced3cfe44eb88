"""How busy a person is, what they care about, on what they browse and buy, and where they answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from events import (
    Activity,
    Context,
    Device,
    EmailClicked,
    EmailOpened,
    Event,
    Identified,
    OrderCompleted,
    PageViewed,
    ProductViewed,
)
from profiles.habits import affinities, best_channel, engagement
from profiles.person import Person
from workflows.profile import Affinity, Did, EngagementLevel, Profile

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def did(event: type[Event], week: int = 0, month: int = 0, quarter: int = 0) -> Did:
    """So many in these windows, each of which holds those before it."""
    return Did(event=event.event_name, count=quarter + 7, week=week, month=month, quarter=quarter)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ([], 0),
        ([did(Identified, 9, 9, 9)], 0),
        ([did(PageViewed, 25, 25, 25)], 50),  # 25 of 25 + 25
        ([did(PageViewed, 0, 50, 50)], 50),  # half each
        ([did(PageViewed, 0, 0, 100)], 50),  # a quarter each
        ([did(OrderCompleted, 1, 1, 1), did(EmailClicked, 5, 5, 5)], 50),  # 10 + 15
        ([did(PageViewed, 10**6, 10**6, 10**6)], 99),
    ],
)
def test_engagement(behaviour: list[Did], expected: int) -> None:
    """Engagement is the share of its points in themselves and 25; what is older counts less, a purchase more than a look.

    Killed by: another divisor for any window, or counting what is no sign of the person.
    """
    assert engagement(behaviour) == expected


@pytest.mark.parametrize(
    ("points", "level"), [(0, "none"), (1, "low"), (29, "low"), (30, "medium"), (59, "medium"), (60, "high")]
)
def test_level(points: int, level: EngagementLevel) -> None:
    """A level begins with its first point.

    Killed by: `<=` for `<` in Profile.engagement_level.
    """
    assert Profile(user_id="u", engagement=points).engagement_level == level


def test_affinities() -> None:
    """The five categories of most interest, with their part of all interest, the sixth's included.

    Killed by: dividing by the sum of the five.
    """
    found = affinities({"Tents": 50, "Mugs": 20, "Maps": 12, "Rope": 9, "Socks": 5, "Hats": 4})
    assert found[0] == Affinity(category="Tents", share=0.5)
    assert [each.category for each in found] == ["Tents", "Mugs", "Maps", "Rope", "Socks"]
    assert sum(each.share for each in found) == pytest.approx(0.96)
    assert affinities({}) == ()


def test_best_channel() -> None:
    """The channel that was answered most; a click is worth three opens, two opens are no evidence.

    Killed by: counting opens as clicks, or leaving EVIDENCE out.
    """
    clicked = Did(event="In-App Message Clicked", count=2, quarter=2)
    assert best_channel([did(EmailOpened, quarter=2)]) is None
    assert best_channel([did(EmailOpened, quarter=5)]) == "email"
    assert best_channel([did(EmailOpened, quarter=5), clicked]) == "in_app"
    assert best_channel([Did(event="In-App Message Clicked", count=9)]) is None, "all of them longer than 90 days ago"


def on(kind: str, event: type[Event], count: int) -> list[Event]:
    """That many events on that kind of device."""
    context = Context(device=Device.model_validate({"kind": kind}))
    return [event(event_id=f"{kind}-{number}", occurred_at=NOW, context=context) for number in range(count)]


def test_devices() -> None:
    """What is browsed on and bought on are two things, and a device that nobody knows is none.

    Killed by: counting a purchase as browsing in doing_of, or a device of any kind there.
    """
    somebody = Person("u", NOW)
    seen = [
        *on("mobile", ProductViewed, 2),
        *on("unknown", PageViewed, 9),
        *on("bot", PageViewed, 9),
        *on("desktop", OrderCompleted, 1),
    ]
    for event in seen:
        somebody.see(event)
    known = somebody.profile(NOW)
    assert (known.browses_on, known.buys_on) == (None, "desktop"), "two views are no evidence"
    for event in on("mobile", PageViewed, 1):
        somebody.see(event)
    known = somebody.profile(NOW)
    assert (known.browses_on, known.buys_on) == ("mobile", "desktop")
    assert "browses_mobile_buys_desktop" in known.segments
    assert set(somebody.devices) == {"browse mobile", "buy desktop"}


def test_did() -> None:
    """A group of events is all of its kinds together, and what was never done is zeros.

    Killed by: looking for the group's own name alone in Profile.did.
    """
    early, late = NOW - timedelta(days=2), NOW
    behaviour = (
        Did(event="Page Viewed", count=4, week=1, month=2, quarter=3, last_at=early),
        Did(event="Product Viewed", count=3, week=1, month=1, quarter=2, last_at=late),
        Did(event="Email Opened", count=5, last_at=NOW + timedelta(days=1)),
    )
    known = Profile(user_id="u", behaviour=behaviour)
    assert known.did(PageViewed).count == 4
    assert known.did(Activity) == Did(event="", count=7, week=2, month=3, quarter=5, last_at=late)
    assert known.did(OrderCompleted) == Did(event="Order Completed")
