"""Ten thousand clocks: every zone there is, around its own jumps, against an oracle that knows only offsets."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo, available_timezones

from activities.front_matter import MessageDetails
from activities.policy import Policy, QuietHours
from activities.timing import Timing
from events import PageViewed
from profiles.person import Person
from storage.ledger import Send
from workflows.clock import next_local
from workflows.requests import Answer

PAIRS = 10_000
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def test_never_early_and_once() -> None:
    """T20: a wait until a wall-clock time is never early, never a day late, and meets a time that exists twice only once.

    Killed by: taking the second of two in clock.at_local, or reading the day in UTC in clock.next_local.
    """
    random = Random("ten thousand clocks")
    gaps = folds = 0
    for number in range(PAIRS):
        zone = ZoneInfo(ZONES[number % len(ZONES)])
        now = _moment(random, zone)
        # Most of them in the small hours, where the jumps are.
        moment = time(random.randrange(4 if random.random() < 0.7 else 24), random.randrange(60))
        instant = next_local(now, moment, zone)
        told = f"{zone.key}, {moment} after {now}"
        assert instant >= now, told
        assert instant == _oracle(now, moment, zone), told
        shown = instant.astimezone(zone)
        gaps += shown.time() != moment
        if len(_instants(shown.date(), moment, zone)) == 2:
            folds += 1
            # Whoever goes on right after it meets the same time tomorrow, not once more an hour later.
            assert next_local(instant + timedelta(seconds=1), moment, zone) - instant > timedelta(hours=20), told
    assert gaps > 50, "the gaps were never met"
    assert folds > 50, "the folds were never met"


def test_never_in_quiet_hours() -> None:
    """T20, E1: what is held for quiet hours goes at their end and never inside them, in every zone, across every jump.

    Killed by: reading the window in UTC in QuietHours.over.
    """
    random = Random("quiet")
    held = 0
    for number in range(PAIRS):
        zone = ZoneInfo(ZONES[number % len(ZONES)])
        now = _moment(random, zone)
        hours = QuietHours(time(random.randrange(24), random.choice((0, 30))), time(random.randrange(24)))
        over = hours.over(now, zone)
        if over is None:
            continue
        held += 1
        told = f"{zone.key}, {hours} at {now}"
        assert over >= now, told
        assert hours.over(over, zone) is None, told
        assert over - now <= 2 * DAY, told  # the only open half hour of a day may be jumped over
    assert held > PAIRS // 4


async def test_best_hour() -> None:
    """T20, E9: whoever was there at one hour of the day is written to in that hour, or as soon as quiet hours are over.

    In every zone, across every jump, once; a profile's zone before that of an event; of whose zone nothing is known, by UTC as
    their visits were counted, whatever zone is the default.
    Killed by: counting hours in UTC in Person.attend, another order in believed_zone, the default zone for `own` or no quiet
    hours in Timing._not_best, or holding again there what was held for its best hour.
    """
    random = Random("best hour")
    held = moved = gaps = 0
    for number in range(PAIRS):
        zone, other = ZoneInfo(ZONES[number % len(ZONES)]), ZoneInfo(random.choice(ZONES))
        now, hour = _moment(random, zone), random.randrange(24)
        person, own, default = [
            (Person("u", now, zone=zone.key, seen_zone=other.key), zone, other),
            (Person("u", now, seen_zone=zone.key), zone, other),
            (Person("u", now), ZoneInfo("UTC"), zone),
        ][number % 3]
        for day in range(1, 7):
            visit = _instants((now - day * DAY).astimezone(own).date(), time(hour, random.randrange(60)), own)
            person.see(PageViewed(event_id="v", occurred_at=visit[0] if visit else now - 9 * DAY))
        quiet = QuietHours(time(random.randrange(24)), time(random.randrange(24))) if number % 2 else None
        timing = Timing(Policy(quiet_hours=quiet, default_zone=default.key))
        answer = await _asked(timing, person, now)
        told = f"{own.key}, {hour} o'clock, {quiet or 'no quiet hours'} of {zone.key} at {now}"
        assert person.profile(now).best_hour == hour, told
        assert (answer.until if answer else None) == _best(now, hour, own, quiet, zone), told
        if answer is None or answer.until is None:
            continue
        assert answer.until > now, told
        if answer.reason.startswith("best hour"):
            held += 1
            moved += answer.reason.endswith("moved out of quiet hours")
            gaps += answer.reason == "best hour" and answer.until.astimezone(own).hour != hour
            assert await _asked(timing, person, answer.until, answer.reason) is None, told
    assert held > PAIRS // 2
    assert moved > PAIRS // 50
    assert gaps > 0, "the gaps were never met"


async def _asked(timing: Timing, person: Person, now: datetime, reason: str | None = None) -> Answer | None:
    line = Send("k", "k", "u", "j", "", "e", "s", "email", "t", "general", "marketing", "held", now, now, reason)
    return await timing.rest(None, person, line, MessageDetails(moment="best"), now, now)  # type: ignore[arg-type]


def _best(now: datetime, hour: int, own: ZoneInfo, quiet: QuietHours | None, zone: ZoneInfo) -> datetime | None:
    """When the message goes, by the wall alone; None for at once."""
    if quiet is not None and (over := quiet.over(now, zone)) is not None:
        return over
    if now.astimezone(own).hour == hour:
        return None
    instant = _oracle(now, time(hour), own)
    return (quiet.over(instant, zone) if quiet else None) or instant


def _moment(random: Random, zone: ZoneInfo) -> datetime:
    """Some minute of five years; every second one within half a day of a jump of this zone, if it has one."""
    start = datetime(2024, 1, 1, tzinfo=UTC) + random.randrange(5 * 365) * DAY
    if random.random() < 0.5:
        for ahead in range(200):
            if (start + ahead * DAY).astimezone(zone).utcoffset() != (start + (ahead + 1) * DAY).astimezone(
                zone
            ).utcoffset():
                start += ahead * DAY
                break
    return start + random.randrange(-10 * 60, 12 * 60) * MINUTE


def _instants(day: date, moment: time, zone: ZoneInfo) -> list[datetime]:
    """When the clocks of that zone show that time on that day: never, once or twice."""
    wall = datetime.combine(day, moment)
    offsets = {(wall.replace(tzinfo=UTC) + shift * DAY).astimezone(zone).utcoffset() for shift in (-1, 0, 1)}
    found = {(wall - offset).replace(tzinfo=UTC) for offset in offsets if offset is not None}
    return sorted(instant for instant in found if instant.astimezone(zone).replace(tzinfo=None) == wall)


def _oracle(now: datetime, moment: time, zone: ZoneInfo) -> datetime:
    """The first instant from now on at which the clocks show it, the first of two; in a gap, the first minute after it."""
    today = now.astimezone(zone).date()
    for ahead in range(-1, 4):
        day = today + ahead * DAY
        instants = _instants(day, moment, zone)
        instant = instants[0] if instants else _after_gap(day, moment, zone)
        if instant is not None and instant >= now:
            return instant
    raise AssertionError("no such time within three days")


def _after_gap(day: date, moment: time, zone: ZoneInfo) -> datetime | None:
    """The first minute whose wall clock has passed that time."""
    wall = datetime.combine(day, moment)
    instant = wall.replace(tzinfo=UTC) - DAY
    step = timedelta(hours=6)
    while step >= MINUTE:
        while (instant + step).astimezone(zone).replace(tzinfo=None) < wall:
            instant += step
        step /= 2 if step > 2 * MINUTE else 10**9
    while instant.astimezone(zone).replace(tzinfo=None) < wall:
        instant += MINUTE
    return instant.replace(second=0, microsecond=0)
