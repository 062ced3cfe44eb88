"""A day of the calendar and 24 hours are different words, and mean different moments when the clocks change."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.test_until import next_change
from tests.stage import Stage

PUNCTUAL = timedelta(seconds=30)


@pytest.mark.parametrize("change", ["spring", "autumn"])
@pytest.mark.parametrize("kind", ["calendar", "hours"])
async def test_a_day(stage: Stage, user: str, kind: str, change: Literal["spring", "autumn"]) -> None:
    """D9: from midnight before the clocks change, the next day begins after 23 or 25 hours, and `days(1)` is over after 24.

    Killed by: adding a sleep's duration to the wall clock in Traveller.sleep, or 24 hours to a date in clock.moment_of.
    """
    zone = ZoneInfo("Europe/Berlin")
    day = next_change(zone, change)
    midnight = datetime.combine(day, time(0), zone).timestamp()
    hours = {"hours": 24, "calendar": 23 if change == "spring" else 25}[kind]
    await stage.knows(user, timezone=zone.key)
    await stage.happens(stage.event(user, "File Downloaded", file_name=f"overnight {kind} {day}"))
    for _ in ("until that day", "until the next"):
        await stage.wake("overnight", user)
    (line,) = await stage.sent(user)
    assert timedelta(0) <= timedelta(seconds=line.at.timestamp() - midnight) - timedelta(hours=hours) < PUNCTUAL
