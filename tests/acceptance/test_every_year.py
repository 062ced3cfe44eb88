"""Days that come again, every year or every month, and what a journey is told of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from context.zones import NAMES
from errors import SettingsError
from profiles.dates import Every, date_shown, read_dates
from stack import TemporalServer
from tests.servers import wait_until
from tests.stage import Stage, staged
from workflows.clock import at_local, moment_of, recurring

DAY = timedelta(days=1)
TOKYO = ZoneInfo("Asia/Tokyo")
PUNCTUAL = timedelta(seconds=30)
START = datetime(2024, 1, 1, tzinfo=UTC)
TRAITS = "birthday=yearly, rent_due=monthly"
zones = st.sampled_from(sorted(NAMES.values())).map(ZoneInfo)
moments = st.integers(0, 14 * 366 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))
days = st.dates(date(2000, 1, 1), date(2000, 12, 31))


@pytest_asyncio.fixture
async def stage(temporal: TemporalServer, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """The whole system, where journeys may see a birthday's day of the year and a rent's day of the month."""
    async with staged(database_url, temporal.address, tmp_path, date_traits=TRAITS) as stage:
        yield stage


@settings(deadline=None)
@given(moments, days, zones)
@example(datetime(2026, 11, 24, tzinfo=UTC), date(2000, 2, 29), TOKYO)
@example(datetime(2028, 2, 28, 15, 0, 0, 1, tzinfo=UTC), date(2000, 2, 29), TOKYO)
@example(datetime(2027, 2, 27, 15, tzinfo=UTC), date(2000, 2, 29), TOKYO)
def test_every_year(asked: datetime, born: date, zone: ZoneInfo) -> None:
    """D10: the next birthday is the first day after the moment of asking that is one: the 29th of February is the 28th where there is none.

    Killed by: the 1st of March for a 29th that there is not, `>=` for `>`, or the start of the day in UTC, in next_day.
    """
    found = moment_of(f"--{born:%m-%d}", zone, asked)
    assert found == first_after(
        asked, zone, lambda day: (day.month, min(born.day, last_of(day))) == (born.month, day.day)
    )


@settings(deadline=None)
@given(moments, st.integers(1, 31), zones)
@example(datetime(2027, 1, 31, 3, tzinfo=UTC), 31, TOKYO)
@example(datetime(2027, 2, 27, 23, tzinfo=UTC), 30, ZoneInfo("America/New_York"))
def test_every_month(asked: datetime, number: int, zone: ZoneInfo) -> None:
    """D10: the 31st of a month that is shorter is its last day, and it comes every month.

    Killed by: skipping months that are too short, or carrying the rest into the next, in next_day.
    """
    found = moment_of(f"---{number:02}", zone, asked)
    assert found == first_after(asked, zone, lambda day: min(number, last_of(day)) == day.day)


def first_after(asked: datetime, zone: ZoneInfo, is_one: Callable[[date], bool]) -> datetime:
    """The start of the first such day that begins after that moment, looked for day by day."""
    day = asked.astimezone(zone).date() - DAY
    while True:
        day += DAY
        if is_one(day) and (start := at_local(day, time(0), zone)) > asked:
            return start


def last_of(day: date) -> int:
    """How many days the month has."""
    return max(number for number in range(28, 32) if (day.replace(day=28) + (number - 28) * DAY).month == day.month)


@pytest.mark.parametrize(
    "text", ["--02-30", "--13-01", "--00-10", "--04-31", "--04-00", "---00", "---32", "--2-9", "---1", "----"]
)
def test_no_such_day(text: str) -> None:
    """D6, D10: a day that no year and no month has is no date.

    Killed by: leaving a bound out of recurring.
    """
    assert recurring(text) is None
    assert moment_of(text, TOKYO, datetime(2026, 3, 1, tzinfo=UTC)) is None
    assert date_shown(text, "yearly") is None


@pytest.mark.parametrize(
    ("value", "every", "shown"),
    [
        ("1992-02-29", "once", "1992-02-29"),
        ("1992-02-29", "yearly", "--02-29"),
        (" 1992-02-29T23:30:00-08:00 ", "yearly", "--02-29"),
        ("1992-02-29", "monthly", "---29"),
        ("--02-29", "once", "--02-29"),
        ("--02-29", "yearly", "--02-29"),
        ("--02-29", "monthly", "---29"),
        ("---31", "once", "---31"),
        ("---31", "monthly", "---31"),
        ("---31", "yearly", None),
        ("born in Bern", "yearly", None),
        ("born in Bern", "once", None),
        (19920229, "yearly", None),
        (None, "yearly", None),
    ],
)
def test_what_a_journey_is_told(value: object, every: Every, shown: str | None) -> None:
    """H6, D10: of a day that comes again a journey is told the day, and never the year; of what is no date nothing.

    Killed by: giving the value as it is for any of these in date_shown.
    """
    assert date_shown(value, every) == shown


def test_the_setting() -> None:
    """Traits are named with how they come again; what is no such word, or there twice, stops the start and is named.

    Killed by: taking any word after the equals sign in read_dates, or the later of two.
    """
    assert read_dates("renews_at, birthday = yearly,rent_due=monthly,") == {
        "renews_at": "once",
        "birthday": "yearly",
        "rent_due": "monthly",
    }
    for wrong in ("birthday=weekly", "birthday=", "=yearly"):
        with pytest.raises(SettingsError, match=r"JOURNEYMAN_DATE_TRAITS: '.*' is no date; write traits"):
            read_dates(wrong)
    with pytest.raises(SettingsError, match="birthday is there twice"):
        read_dates("birthday, birthday=yearly")


async def test_birthdays(stage: Stage, user: str) -> None:
    """D10, H6: who was born on a 29th of February is met at the start of that day in three years, of which none or one has it.

    Killed by: adding 365 days, counting in UTC, or letting the year into Temporal.
    """
    asked = datetime.now(UTC)
    await stage.knows(user, timezone=TOKYO.key, birthday="1992-02-29")
    assert await met(stage, user, "birthday") == next_three(asked, is_the_last_of_february)
    kept = await history(stage, user)
    assert b"--02-29" in kept
    assert b"1992-" not in kept


async def test_the_last_of_each_month(stage: Stage, user: str) -> None:
    """D10: a rent that is due on the 31st is due on the last day of each of the next three months.

    Killed by: skipping a month without a 31st.
    """
    asked = datetime.now(UTC)
    await stage.knows(user, timezone=TOKYO.key, rent_due="2020-01-31")
    assert await met(stage, user, "rent_due") == next_three(asked, lambda day: day.day == last_of(day))


async def test_told_another_day(stage: Stage, user: str) -> None:
    """D5, D10: a birthday that is mended while it is waited for is waited for where it is now; without its year in Temporal.

    Killed by: the whole date in what accept derives of the change.
    """
    asked = datetime.now(UTC)
    later, sooner = (asked.astimezone(TOKYO).date() + ahead * DAY for ahead in (200, 20))
    await stage.knows(user, timezone=TOKYO.key, birthday=str(later.replace(year=1992)))
    await stage.happens(stage.event(user, "File Downloaded", file_name="anniversary birthday"))
    await wait_until(lambda: shows(stage, user, later))
    await stage.knows(user, birthday=str(sooner.replace(year=1992)))
    await wait_until(lambda: shows(stage, user, sooner))
    await stage.wake("anniversary", user)
    (line, *_) = await stage.sent(user)
    assert timedelta(0) <= line.at - datetime.combine(sooner, time(0), TOKYO) < PUNCTUAL
    assert b"1992-" not in await history(stage, user)


async def met(stage: Stage, user: str, trait: str) -> list[datetime]:
    """When the person was written to, to the minute, each time within PUNCTUAL."""
    await stage.happens(stage.event(user, "File Downloaded", file_name=f"anniversary {trait}"))
    found = []
    for count in (1, 2, 3):
        await stage.wake("anniversary", user)
        at = (await stage.sent(user, count))[-1].at
        found.append(at.replace(second=0, microsecond=0))
        assert at - found[-1] < PUNCTUAL
    return found


async def shows(stage: Stage, user: str, day: date) -> bool:
    """Whether the run says that it waits for the start of that day."""
    told = str(await stage.handle("anniversary", user).query("__temporal_workflow_metadata"))
    return f" {day.day} {day:%b %Y} 00:00" in told


async def history(stage: Stage, user: str) -> bytes:
    """All that Temporal keeps of the run, payloads as they are."""
    kept = await stage.handle("anniversary", user).fetch_history()
    return b"".join(event.SerializeToString() for event in kept.events)


def next_three(asked: datetime, is_one: Callable[[date], bool]) -> list[datetime]:
    """The starts of the next three such days in Tokyo."""
    found = [asked]
    for _ in range(3):
        found.append(first_after(found[-1], TOKYO, is_one))
    return found[1:]


def is_the_last_of_february(day: date) -> bool:
    return day.month == 2 and day.day == last_of(day)
