"""The person's wall clock: every zone, gaps, folds and weekdays."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from context.zones import NAMES
from workflows.clock import WEEKDAYS, at_local, moment_of, next_local, zone_of
from workflows.user import Weekday

MINUTE = timedelta(minutes=1)
BERLIN, TOKYO, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)

zones = st.sampled_from(sorted(NAMES.values())).map(ZoneInfo)
dates = st.dates(date(2000, 1, 1), date(2037, 12, 31))
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@given(dates, clocks, zones)
@example(SPRING, time(2, 30), BERLIN)
@example(AUTUMN, time(2, 30), BERLIN)
@example(date(2026, 4, 5), time(1, 45), ZoneInfo("Australia/Lord_Howe"))
@example(date(2026, 10, 4), time(2, 15), ZoneInfo("Australia/Lord_Howe"))
@example(date(2011, 12, 30), time(9), ZoneInfo("Pacific/Apia"))
def test_at_local(day: date, clock: time, zone: ZoneInfo) -> None:
    """D1, D2: a time of day is that time on the wall; in a gap the first minute after it, in a fold the first of the two.

    Killed by: fold=1 in at_local, or leaving out its search for the end of the gap.
    """
    wall, instant = datetime.combine(day, clock), at_local(day, clock, zone)
    assert instant.utcoffset() == timedelta(0)
    shown = wall_of(instant, zone)
    if shown == wall:
        assert not any(wall_of(instant - early * MINUTE, zone) == wall for early in range(1, 181))
    else:
        assert shown > wall, "never early"
        assert wall_of(instant - MINUTE, zone) < wall, "the minute before lies before the gap"


@given(dates, clocks, clocks, zones)
@example(AUTUMN, time(2, 30), time(2, 45), BERLIN)
@example(SPRING, time(2, 30), time(1, 59), BERLIN)
def test_next_local(day: date, clock: time, asked: time, zone: ZoneInfo) -> None:
    """D1, D2: the next nine o'clock is never in the past, never skips a day, and comes once where the clock turns back.

    Killed by: beginning with tomorrow in next_local, or > for >=.
    """
    assume(zone.key != "Pacific/Apia" or day.year != 2011)  # they left out a whole day
    now = datetime.combine(day, asked, zone).astimezone(UTC)
    found = next_local(now, clock, zone)
    assert found >= now
    assert found - now <= timedelta(hours=27)
    after = next_local(found + MINUTE, clock, zone)
    assert wall_of(after, zone).date() == wall_of(found, zone).date() + timedelta(days=1)


@given(dates, clocks, zones, st.sets(st.sampled_from(WEEKDAYS), min_size=1))
def test_weekdays(day: date, clock: time, zone: ZoneInfo, wanted: set[Weekday]) -> None:
    """D3: an allowed weekday is one of the person's own calendar, and no allowed one is passed over.

    Killed by: taking the weekday of the UTC date in next_local.
    """
    assume(clock >= time(4))  # gaps at midnight move to the next day, and are looked at above
    assume(zone.key not in ("Pacific/Apia", "Pacific/Fakaofo") or day.year != 2011)
    now = datetime.combine(day, time(12), UTC)
    found = next_local(now, clock, zone, tuple(wanted))
    local = wall_of(found, zone)
    assert WEEKDAYS[local.weekday()] in wanted
    passed = local.date()
    while (passed := passed - timedelta(days=1)) >= wall_of(now, zone).date():
        assert WEEKDAYS[passed.weekday()] not in wanted or at_local(passed, clock, zone) < now


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (datetime(2026, 3, 1, 15, 29, tzinfo=UTC), datetime(2026, 3, 1, 15, 30, tzinfo=UTC)),
        (datetime(2026, 3, 1, 15, 31, tzinfo=UTC), datetime(2026, 3, 8, 15, 30, tzinfo=UTC)),
    ],
)
def test_monday_in_tokyo(asked: datetime, expected: datetime) -> None:
    """D3: Monday 00:30 in Tokyo is Monday, although it is still Sunday in UTC.

    Killed by: taking the weekday of the UTC date in next_local.
    """
    assert next_local(asked, time(0, 30), TOKYO, ("mon",)) == expected


def test_berlin_in_spring_and_autumn() -> None:
    """D1, D2: 09:00 is 09:00 on both sides of both changes; 02:30 is 03:00 in spring, and the earlier 02:30 in autumn.

    Killed by: adding 24 hours to the last time instead of asking the calendar.
    """
    day = timedelta(days=1)
    assert [at_local(SPRING + n * day, time(9), BERLIN).hour for n in (-1, 0, 1)] == [8, 7, 7]
    assert [at_local(AUTUMN + n * day, time(9), BERLIN).hour for n in (-1, 0, 1)] == [7, 8, 8]
    assert at_local(SPRING, time(2, 30), BERLIN) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert at_local(AUTUMN, time(2, 30), BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(st.one_of(st.none(), st.text(max_size=30), st.dates(), st.datetimes(), st.dates().map(str)), zones)
@example("9999-12-31T23:30", NEW_YORK)
@example("0001-01-01", TOKYO)
@example(datetime(1, 1, 1, tzinfo=TOKYO), BERLIN)
def test_what_is_no_date(value: date | datetime | str | None, zone: ZoneInfo) -> None:
    """D6: whatever a profile holds where a date should be is a moment or None, never an error.

    Killed by: catching no ValueError, or no OverflowError, in moment_of.
    """
    moment = moment_of(value, zone)
    assert moment is None or moment.utcoffset() == timedelta(0)


def test_naive_dates() -> None:
    """D7: a date without a zone is the start of that day where the person is, and a time without one is read there too.

    Killed by: reading naive dates as UTC in moment_of.
    """
    assert moment_of("2026-03-01", NEW_YORK) == datetime(2026, 3, 1, 5, tzinfo=UTC)
    assert moment_of("2026-03-01T09:00", TOKYO) == datetime(2026, 3, 1, 0, tzinfo=UTC)
    assert moment_of("2026-03-01T09:00+02:00", TOKYO) == datetime(2026, 3, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../etc/passwd", "\0", "x" * 5000])
def test_unknown_zones(name: str | None) -> None:
    """D8: a zone that does not exist is UTC, never an error.

    Killed by: letting ZoneInfo's errors through in zone_of.
    """
    assert zone_of(name).key == "UTC"


def wall_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clock on the wall shows."""
    return instant.astimezone(zone).replace(tzinfo=None)
