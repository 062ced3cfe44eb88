"""When a moment on a person's own wall clock really is, and how a time is said in words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .user import Weekday

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = timedelta(days=730)
OF_YEAR, OF_MONTH = re.compile(r"--(\d\d)-(\d\d)"), re.compile(r"---(\d\d)")
"""A day without its year, and without its month, as ISO 8601 and vCard have them: --02-29, ---31."""
LEAP = 2000


def zone_of(name: str | None) -> ZoneInfo:
    """The zone of that IANA name; UTC for one that does not exist."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def at_local(day: date, moment: time, zone: ZoneInfo) -> datetime:
    """That wall-clock time on that day, in UTC. In a gap it is the first valid minute, in a fold the first of the two."""
    wall = datetime.combine(day, moment.replace(tzinfo=None), zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # Between `early` and `instant` lies the jump; the first minute after it is the first that this clock shows.
    early, late = wall.replace(fold=1).astimezone(UTC), instant
    offset = late.astimezone(zone).utcoffset()
    while late - early > timedelta(minutes=1):
        middle = early + (late - early) / 2
        early, late = (early, middle) if middle.astimezone(zone).utcoffset() == offset else (middle, late)
    return late.replace(second=0, microsecond=0)


def next_local(now: datetime, moment: time, zone: ZoneInfo, weekdays: tuple[Weekday, ...] = ()) -> datetime:
    """The first such wall-clock time that is not before `now`, on one of these days of the person's own week; in UTC."""
    today = now.astimezone(zone).date()
    for ahead in range(-1, 9):
        day = today + timedelta(days=ahead)
        if weekdays and WEEKDAYS[day.weekday()] not in weekdays:
            continue
        if (instant := at_local(day, moment, zone)) >= now:
            return instant
    raise ValueError(f"weekdays: none of {weekdays} is a day of the week")


def moment_of(value: date | datetime | str | None, zone: ZoneInfo, after: datetime | None = None) -> datetime | None:
    """The moment a date means to this person, in UTC; None for what is no date.

    A date alone is the start of that day in the person's zone, and a time without a zone is read there too. One that comes
    again is the first after `after`.
    """
    if isinstance(value, str):
        if (known := recurring(value)) is not None:
            return None if after is None else next_day(after, *known, zone)
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            return None
    try:
        if isinstance(value, datetime):
            return at_local(value.date(), value.time(), zone) if value.tzinfo is None else value.astimezone(UTC)
        return None if value is None else at_local(value, time(0), zone)
    except OverflowError:  # the first or last day of the calendar, on the other side of UTC
        return None


def day_of(text: str) -> date | None:
    """The day that a date or a time names, as it is written; None for what is neither."""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def recurring(text: str) -> tuple[int | None, int] | None:
    """Month and day of a day that comes every year, or None and the day of every month; None for any other text."""
    if (yearly := OF_YEAR.fullmatch(text)) is not None:
        month, day = int(yearly[1]), int(yearly[2])
        return (month, day) if 1 <= month <= 12 and 1 <= day <= _last_of(LEAP, month).day else None
    monthly = OF_MONTH.fullmatch(text)
    return (None, int(monthly[1])) if monthly is not None and 1 <= int(monthly[1]) <= 31 else None


def next_day(after: datetime, month: int | None, day: int, zone: ZoneInfo) -> datetime:
    """The start of the next such day in that zone, in UTC: of that month, or of any; the last of a month that has not so many."""
    today = after.astimezone(zone).date()
    first = 12 * today.year + today.month - 1
    for ahead in range(14):
        year, number = divmod(first + ahead, 12)
        if month not in (None, number + 1):
            continue
        last = _last_of(year, number + 1)
        if (instant := at_local(last.replace(day=min(day, last.day)), time(0), zone)) > after:
            return instant
    raise ValueError(f"month: {month} is none of the year's")


def _last_of(year: int, month: int) -> date:
    return (date(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def spoken(duration: timedelta) -> str:
    """A duration in words, in at most two units: "1 day", "2 hours 30 minutes"."""
    seconds = round(duration.total_seconds())
    words: list[str] = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count and len(words) < 2:
            words.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(words) or "0 seconds"


def shown(moment: datetime, zone: ZoneInfo) -> str:
    """A moment for people: "Tue 3 Mar 2026 09:00 Europe/Berlin"."""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} {zone.key}"
