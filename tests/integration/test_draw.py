"""Experiments and holdouts: drawn once as a person enters, fair, and never drawn again because the weights have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from errors import JourneyError
from events import FileDownloaded
from ingestion.experiments import Draw
from storage.database import Database
from storage.migrate import migrate
from storage.runs import Entry, Place
from workflows import User, journey
from workflows.catalogue import Catalogue, Listed
from workflows.definition import Journey
from workflows.variants import Experiment, arm_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = [f"u-{number}" for number in range(200)]


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database, migrated."""
    database = Database(database_url)
    await migrate(database)
    yield database
    await database.close()


def listed(name: str, *experiments: Experiment, holdout: float | None = None) -> Listed:
    """A journey of that name with these experiments."""

    async def walk(user: User, event: FileDownloaded) -> None:
        """Do nothing."""

    walk.__name__ = name
    declared: Journey[Any] = journey(starts_on=FileDownloaded, holdout=holdout)(walk)
    return Listed(declared, (), (), experiments)


async def drawn(
    database: Database, *journeys: Listed, into: str = "first", holdout: float = 0.0, people: list[str] = PEOPLE
) -> dict[str, Entry]:
    """What these people are drawn for as they enter that journey."""
    draw = Draw(database, Catalogue(journeys), holdout)
    entries = [Entry(Place(into, user, ""), "e-1", 1, NOW, "starting") for user in people]
    async with database.write() as connection:
        return {entry.place.user_id: await draw.of(connection, entry) for entry in entries}


def arms(entries: dict[str, Entry], experiment: str) -> dict[str, str]:
    """The arm of each person who takes part."""
    return {user: arm for user, entry in entries.items() if (arm := entry.arms.get(experiment, ""))}


def held(entries: dict[str, Entry]) -> set[str]:
    """Who is kept out."""
    return {user for user, entry in entries.items() if entry.state == "holdout"}


async def test_weights_that_change(database: Database) -> None:
    """G6: who has an arm keeps it when the weights change; only who comes later is drawn by the new ones.

    Killed by: not looking at what is noted in Draw._arm.
    """
    before = arms(await drawn(database, listed("first", Experiment("offer", {"a": 50, "b": 50}))), "offer")
    changed = listed("first", Experiment("offer", {"a": 0, "b": 100}))
    assert arms(await drawn(database, changed), "offer") == before
    assert set(before.values()) == {"a", "b"}
    later = await drawn(database, changed, people=[f"later-{user}" for user in PEOPLE])
    assert set(arms(later, "offer").values()) == {"b"}


async def test_arm_that_is_gone(database: Database) -> None:
    """Whose arm is in the code no more is drawn anew among those that are; the others stay where they were.

    Killed by: keeping a noted arm that the experiment does not have.
    """
    before = arms(await drawn(database, listed("first", Experiment("offer", {"a": 1, "b": 1, "c": 1}))), "offer")
    after = arms(await drawn(database, listed("first", Experiment("offer", {"a": 1, "b": 1}))), "offer")
    assert set(after.values()) == {"a", "b"}
    assert {user: arm for user, arm in before.items() if arm != "c"}.items() <= after.items()
    assert "c" in before.values()


async def test_the_same_in_two_journeys(database: Database) -> None:
    """An experiment that two journeys share draws a person once for both."""
    offer = Experiment("offer", {"a": 50, "b": 50})
    both = (listed("first", offer), listed("second", offer))
    assert arms(await drawn(database, *both), "offer") == arms(await drawn(database, *both, into="second"), "offer")


async def test_holdout(database: Database) -> None:
    """About the declared share is kept out, for ever the same people, whatever the share becomes; nobody where it is 0.

    Killed by: not noting who was held out.
    """
    kept_out = held(await drawn(database, listed("first", holdout=20)))
    assert 20 < len(kept_out) < 65
    assert held(await drawn(database, listed("first", holdout=1))) == kept_out
    assert held(await drawn(database, listed("first", holdout=0))) == set()
    assert held(await drawn(database, listed("first"))) == set()


async def test_holdout_of_all_journeys(database: Database) -> None:
    """Who is held out of everything enters no journey but those that keep out nobody.

    Killed by: drawing the holdout of all journeys by the journey's name.
    """
    journeys = (listed("first"), listed("second"), listed("receipt", holdout=0))
    first = held(await drawn(database, *journeys, holdout=20))
    assert 20 < len(first) < 65
    assert held(await drawn(database, *journeys, into="second", holdout=20)) == first
    assert held(await drawn(database, *journeys, into="receipt", holdout=20)) == set()


async def test_held_out_sees_no_arm(database: Database) -> None:
    """Who is held out is drawn for no experiment: the arms are compared among those who were let in."""
    entries = await drawn(database, listed("first", Experiment("offer", {"a": 1, "b": 1}), holdout=50))
    assert held(entries).isdisjoint(arms(entries, "offer"))
    assert held(entries) | set(arms(entries, "offer")) == set(PEOPLE)


async def test_exclusive_groups(database: Database) -> None:
    """Of a group's experiments everybody takes part in one, about as many in each, and stays there when one is added.

    Killed by: leaving out the look at the group's others in Draw._arm.
    """
    subject, offer, hour = (Experiment(name, {"a": 1, "b": 1}, "spring") for name in ("subject", "offer", "hour"))
    two = (listed("first", subject), listed("second", offer))
    in_subject = arms(await drawn(database, *two), "subject")
    in_offer = arms(await drawn(database, *two, into="second"), "offer")
    assert in_subject.keys() | in_offer.keys() == set(PEOPLE)
    assert in_subject.keys().isdisjoint(in_offer)
    assert 70 < len(in_subject) < 130
    three = (*two, listed("third", hour))
    assert arms(await drawn(database, *three, into="third"), "hour") == {}
    assert arms(await drawn(database, *three), "subject") == in_subject
    newcomers = [f"later-{user}" for user in PEOPLE]
    found = [
        arms(await drawn(database, *three, into=into, people=newcomers), experiment).keys()
        for into, experiment in (("first", "subject"), ("second", "offer"), ("third", "hour"))
    ]
    assert sum(map(len, found)) == len(set().union(*found)) == len(PEOPLE)


@pytest.mark.parametrize("share", [-1, 51, 1000])
def test_no_share(share: float) -> None:
    """A holdout that is no share of the people is refused when the journey is declared."""
    with pytest.raises(JourneyError, match="give the percent of people to keep out, 0 to 50"):
        listed("first", holdout=share)


def test_fair() -> None:
    """Of a million ids each arm gets its share, within four standard deviations, and two experiments do not go together.

    Killed by: hashing the user without the experiment.
    """
    people, quarters, halves = 1_000_000, {"a": 1, "b": 3}, {"x": 1, "y": 1}
    both = Counter((arm_of("one", user, quarters), arm_of("two", user, halves)) for user in map(str, range(people)))
    for (first, second), count in both.items():
        share = quarters[first] / 4 * halves[second] / 2
        assert abs(count - people * share) < 4 * (people * share * (1 - share)) ** 0.5, (first, second)
