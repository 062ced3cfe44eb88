"""Waiting for the person's own clock, on the real server: daylight saving, weekdays, unusable dates, a move abroad."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from storage.ledger import kept
from tests.servers import wait_until
from tests.stage import Stage

DAY = timedelta(days=1)
PUNCTUAL = timedelta(seconds=30)
"""Within what a send comes after its moment: the activity's start, not the clock, takes time."""


@pytest.mark.parametrize("change", ["spring", "autumn"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
async def test_nine_o_clock(stage: Stage, user: str, zone: str, change: Literal["spring", "autumn"]) -> None:
    """D1: across the change of the clocks nine in the morning is nine on the wall.

    Killed by: adding 24 hours, or an offset taken before the change, in clock.next_local.
    """
    day = next_change(ZoneInfo(zone), change)
    moments = await walk(stage, user, zone, f"parked {day - DAY}T20:00 09:00")
    assert [wall(moment, zone) for moment in moments] == [
        datetime.combine(day - DAY, time(20)),
        datetime.combine(day, time(9)),
        datetime.combine(day + DAY, time(9)),
    ]


async def test_gap(stage: Stage, user: str) -> None:
    """D2: 02:30 in the night in which the clock jumps over it is 03:00, and 02:30 again the night after.

    Killed by: leaving out the search for the end of the gap in clock.at_local.
    """
    day = next_change(ZoneInfo("Europe/Berlin"), "spring")
    moments = await walk(stage, user, "Europe/Berlin", f"parked {day}T00:30 02:30")
    assert moments[1] == datetime.combine(day, time(1), UTC)
    assert wall(moments[2], "Europe/Berlin") == datetime.combine(day + DAY, time(2, 30))


async def test_fold(stage: Stage, user: str) -> None:
    """D2: 02:30 in the night that has it twice is the first of the two, and does not come again until the next night.

    Killed by: fold=1 in clock.at_local, or asking for the next such time by the wall instead of the instant.
    """
    day = next_change(ZoneInfo("Europe/Berlin"), "autumn")
    moments = await walk(stage, user, "Europe/Berlin", f"parked {day}T00:30 02:30")
    assert moments[1] == datetime.combine(day, time(0, 30), UTC)
    assert moments[2] == datetime.combine(day + DAY, time(1, 30), UTC)


async def test_monday_in_tokyo(stage: Stage, user: str) -> None:
    """D3: Monday 00:30 is judged on the day of a person in Tokyo, where it is not Sunday any more.

    Killed by: taking the weekday of the UTC date in clock.next_local.
    """
    today = datetime.now(UTC).date()
    sunday = today + (13 - today.weekday()) * DAY
    moments = await walk(stage, user, "Asia/Tokyo", f"parked {sunday}T20:00 00:30 mon")
    assert moments[1] == datetime.combine(sunday, time(15, 30), UTC)
    assert moments[2] == moments[1] + 7 * DAY


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-02-30", "1999-01-01", "0001-01-01", "2999-01-01", "9999-12-31T23:59"]
)
@pytest.mark.parametrize(("rule", "seen"), [("skip", "not-due"), ("now", "due"), ("end", None)])
async def test_unusable_date(stage: Stage, user: str, text: str, rule: str, seen: str | None) -> None:
    """D6: a date that is missing, none, past or too far away follows the declared rule, and is "now" only if that says so.

    Killed by: answering usable=True in Traveller.until for an instant before asked_at, or beyond clock.LONGEST.
    """
    await stage.knows(user, timezone="Asia/Tokyo")
    await stage.happens(stage.event(user, "File Downloaded", file_name=f"dated {rule} {text}".strip()))
    account = await stage.result("dated", user)
    ended = "ended: the date to wait for cannot be used"
    assert account["outcome"] == ("went to its end" if seen else ended)
    assert any(f"missing, past or too far away; declared for that: {rule}" in line for line in account["story"])
    async with stage.database.read() as connection:
        messages = await kept(connection, user_id=user)
    assert len(messages) == (1 if seen else 0)
    assert all(f"example.com/{seen}" in message.rendered["html"] for message in messages)


async def test_usable_date(stage: Stage, user: str) -> None:
    """D6, D7: a date to come is waited for until it begins where the person is.

    Killed by: reading a naive date as UTC in clock.moment_of.
    """
    day = datetime.now(UTC).date() + 20 * DAY
    await stage.knows(user, timezone="Asia/Tokyo")
    await stage.happens(stage.event(user, "File Downloaded", file_name=f"dated skip {day}"))
    await stage.wake("dated", user)
    (line,) = await stage.sent(user)
    assert on_time(line.at, datetime.combine(day - DAY, time(15), UTC))
    assert (await stage.result("dated", user))["outcome"] == "went to its end"


async def test_moved_abroad(stage: Stage, user: str) -> None:
    """D4: who moves from Berlin to Tokyo while the journey waits for nine in the morning is met at nine in Tokyo.

    Killed by: not deriving ZoneChanged in Consequences.take, or not asking `due` again in Waiting._rest.
    """
    await stage.knows(user)
    asked = datetime.now(UTC)
    await stage.happens(stage.event(user, "File Downloaded", file_name="parked 1999-01-01 09:00"))
    assert "09:00 Europe/Berlin" in await timers(stage, user)
    await stage.knows(user, timezone="Asia/Tokyo")
    await wait_until(lambda: shows(stage, user, "09:00 Asia/Tokyo"))
    await stage.wake("parked", user)
    (line,) = await stage.sent(user)
    due = datetime.combine(asked.astimezone(ZoneInfo("Asia/Tokyo")).date(), time(9), ZoneInfo("Asia/Tokyo"))
    assert on_time(line.at, due if due >= asked else due + DAY)


async def walk(stage: Stage, user: str, zone: str, file_name: str) -> list[datetime]:
    """The moments at which a `parked` person in that zone was sent its three messages, each within PUNCTUAL, to the minute."""
    await stage.knows(user, timezone=zone)
    await stage.happens(stage.event(user, "File Downloaded", file_name=file_name))
    moments = []
    for count in (1, 2, 3):
        await stage.wake("parked", user)
        at = (await stage.sent(user, count))[-1].at
        moments.append(at.replace(second=0, microsecond=0))
        assert on_time(at, moments[-1])
    assert (await stage.result("parked", user))["outcome"] == "went to its end"
    return moments


def next_change(zone: ZoneInfo, change: Literal["spring", "autumn"]) -> date:
    """The day, at least two days ahead, on which clocks there are next put forward or back."""
    day = datetime.now(UTC).date() + 2 * DAY
    while True:
        before, after = (datetime.combine(each, time(12), zone).utcoffset() for each in (day - DAY, day))
        assert before is not None
        assert after is not None
        if (after > before) if change == "spring" else (after < before):
            return day
        day += DAY


def wall(moment: datetime, zone: str) -> datetime:
    """What the clock on the wall shows there."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def on_time(at: datetime, due: datetime) -> bool:
    """Never early, and not late."""
    return timedelta(0) <= at - due < PUNCTUAL


async def shows(stage: Stage, user: str, words: str) -> bool:
    """Whether the run's newest account says so."""
    return words in await timers(stage, user)


async def timers(stage: Stage, user: str) -> str:
    """What the run says it is waiting for."""
    details = await stage.handle("parked", user).query("__temporal_workflow_metadata")
    return str(details)
