"""The best hour: a message waits for the hour in which its person mostly looks; quiet hours are stronger."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from activities.policy import QuietHours
from tests.sending import desk

AFTERNOON = datetime(2026, 3, 3, 15, tzinfo=UTC)
NIGHT = QuietHours(time(22), time(8))
EVENINGS = {"18": 2, "19": 4, "9": 3}
NIGHTS = {"23": 9}


@pytest.mark.parametrize(
    ("hours", "zone", "until"),
    [
        (EVENINGS, "UTC", "2026-03-03T19:00+00:00"),
        (EVENINGS, "America/New_York", "2026-03-04T00:00+00:00"),
        (NIGHTS, "UTC", "2026-03-04T08:00+00:00"),
    ],
)
async def test_waits_for_it(
    database_url: str, tmp_path: Path, user: str, hours: dict[str, int], zone: str, until: str
) -> None:
    """E9: a message waits for the person's best hour on their own clock, or for the end of the quiet hours that it lies in.

    Killed by: leaving the quiet hours or the zone out of Timing._not_best.
    """
    async with desk(database_url, tmp_path, quiet_hours=NIGHT, moment="best") as at:
        await at.person(user, zone=zone, hours=hours)
        held = await at.ask(user, AFTERNOON, step="s")
        assert held.status == "held"
        assert held.reason.startswith("best hour")
        assert held.until == datetime.fromisoformat(until)
        assert (await at.ask(user, held.until, step="s")).status == "accepted"


async def test_unknown(database_url: str, tmp_path: Path, user: str) -> None:
    """Who has been seen too rarely gets the message at once, and so does who is in the best hour already.

    Killed by: leaving EVIDENCE out of best_hour.
    """
    async with desk(database_url, tmp_path, moment="best") as at:
        await at.person(user, hours={"19": 4})
        assert (await at.ask(user, AFTERNOON)).status == "accepted"
        await at.person(user, hours={"15": 9})
        assert (await at.ask(user, AFTERNOON)).status == "accepted"


async def test_better_than_never(database_url: str, tmp_path: Path, user: str) -> None:
    """A message that would expire before the best hour goes now.

    Killed by: leaving the look at `expires` out of Timing._not_best.
    """
    async with desk(database_url, tmp_path, moment="best", expires="2h") as at:
        await at.person(user, hours=EVENINGS)
        assert (await at.ask(user, AFTERNOON)).status == "accepted"
