"""When a moment on a person's own wall clock really is, and how a time is said in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .user import Weekday

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = timedelta(days=730)


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


def moment_of(value: date | datetime | str | None, zone: ZoneInfo) -> datetime | None:
    """The moment a date means to this person, in UTC; None for what is no date.

    A date alone is the start of that day in the person's zone, and a time without a zone is read there too.
    """
    if isinstance(value, str):
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
