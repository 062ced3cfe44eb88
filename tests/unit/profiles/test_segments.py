"""Which segments there are, who is in them, and what becomes of one that is written wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from errors import JourneyError
from events import OrderCompleted, SegmentEntered
from profiles.person import Person
from profiles.scores import Population
from profiles.segments import SEGMENTS, relevant_to, segment, watched_by
from workflows.catalogue import Catalogue
from workflows.definition import entered, journey
from workflows.profile import Profile
from workflows.user import User

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOURNEY = '''"""Says something to a segment."""
from events import SegmentEntered
from workflows import User, after, days, entered, journey


@journey(starts_on=entered("{starts}"), again=after(days(30)))
async def told(user: User, event: SegmentEntered) -> None:
    person = await user.profile()
    if "{asks}" in person.segments:
        await user.sleep(days(1))
'''


@pytest.fixture
def broken() -> Iterator[str]:
    """A segment whose condition throws."""

    @segment(OrderCompleted)
    def broken(person: Profile, now: datetime) -> bool:
        return bool(person.traits["plan"])

    yield "broken"
    del SEGMENTS["broken"]


def catalogue_of(folder: Path, text: str, name: str) -> Catalogue:
    """The journeys of a package that holds this one."""
    package = folder / name
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "told.py").write_text(text)
    sys.path.insert(0, str(folder))
    try:
        return Catalogue.load(name)
    finally:
        sys.path.remove(str(folder))


def test_champion() -> None:
    """A champion is among the best two fifths in all three, and nobody is one before anybody was counted.

    Killed by: max for min, or `>= 3`.
    """
    somebody = Person("u", NOW, orders=9, last_order_at=NOW, currency="EUR")
    middle = Population(5, (NOW,) * 3, (2, 3, 4), {"EUR": (somebody.spent,) * 2})
    assert "champion" not in somebody.profile(NOW, population=middle).segments, "a monetary score of 3"
    best = Population(5, (NOW,) * 3, (2, 3, 4), {"EUR": (somebody.spent,) * 3})
    assert "champion" in somebody.profile(NOW, population=best).segments
    assert "champion" not in somebody.profile(NOW).segments


def test_one_that_throws(broken: str) -> None:
    """A segment whose condition throws holds nobody up: they are not in it, and in all others as before.

    Killed by: `holds` for `judge` in segments_of.
    """
    without = Person("u", NOW)
    assert without.profile(NOW).segments == {"newcomer"}
    assert SEGMENTS[broken].judge(without.profile(NOW), NOW) is None
    pro = Person("u", NOW, traits={"plan": "pro"})
    assert pro.profile(NOW).segments == {"newcomer", "broken"}, "segments see every plain trait"


@pytest.mark.parametrize(("starts", "asks"), [("high_vlaue", "at_risk"), ("high_value", "at_rsik")])
def test_a_name_that_there_is_not(tmp_path: Path, starts: str, asks: str) -> None:
    """A journey that names a segment which there is not is refused when journeys are loaded, with those there are.

    Killed by: leaving _segments, or the journey's own, out of catalogue.listed.
    """
    name = f"told_{starts}_{asks}"
    catalogue = catalogue_of(tmp_path, JOURNEY.format(starts=starts, asks=asks), name)
    with pytest.raises(JourneyError, match=r"told\.py: there is no segment named .*; there are: at_risk, .* newcomer"):
        watched_by(catalogue)


def test_what_is_watched(tmp_path: Path) -> None:
    """Only segments that a journey starts on are watched, after the events that they name.

    Killed by: watching all in watched_by, or every segment that a journey asks for.
    """
    catalogue = catalogue_of(tmp_path, JOURNEY.format(starts="high_value", asks="at_risk"), "told_right")
    assert [*watched_by(catalogue)] == ["high_value"]
    assert relevant_to(catalogue) == {"Order Completed"}
    assert watched_by(Catalogue([])) == {}
    assert relevant_to(Catalogue([])) == frozenset()


def test_which_segment() -> None:
    """A journey is started by the segment it names alone, and one that names none is refused.

    Killed by: leaving `segment` out of Journey.enters.
    """

    @journey(starts_on=entered("high_value"))
    async def told(user: User, event: SegmentEntered) -> None: ...

    event = SegmentEntered(event_id="e", occurred_at=NOW, segment="high_value")
    assert told.enters(event, Profile(user_id="u"))
    assert not told.enters(event.model_copy(update={"segment": "at_risk"}), Profile(user_id="u"))
    with pytest.raises(JourneyError, match="say which segment"):

        @journey(starts_on=SegmentEntered)
        async def any_of_them(user: User, event: SegmentEntered) -> None: ...


def test_traits_in_a_journey() -> None:
    """H6: of the traits only those that the settings name come into Temporal, and never what is written like an address.

    Killed by: leaving _is_harmless out, or `None` as the default of `traits` in Person.profile.
    """
    traits = {
        "plan": "pro",
        "visits": 3,
        "vip": True,
        "note": "ada@example.com",
        "call": "+49 170 1234567",
        "x": "y" * 101,
    }
    somebody = Person("u", NOW, traits={**traits, "nested": {"a": 1}, "secret": "s"})
    assert somebody.profile(NOW).traits == {}
    allowed = frozenset([*traits, "nested", "missing"])
    assert somebody.profile(NOW, traits=allowed).traits == {"plan": "pro", "visits": 3, "vip": True}
    assert somebody.profile(NOW, traits=None).traits == {**traits, "secret": "s"}
