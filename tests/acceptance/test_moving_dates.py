"""What a journey waits for moves while it waits: a date of the profile, or the zone it is read in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from storage.ledger import kept
from tests.servers import wait_until
from tests.stage import Stage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
PUNCTUAL = timedelta(seconds=30)


@pytest.mark.parametrize("ahead", [(20, 5), (5, 20), (20, 5, 40)], ids=str)
async def test_earlier_and_later(stage: Stage, user: str, ahead: tuple[int, ...]) -> None:
    """D5: a date that is moved earlier or later while a journey waits for it is waited for where it is now, once.

    Killed by: not taking DateChanged in Traveller.until, or not asking `due` again in Traveller._pause.
    """
    today = datetime.now(BERLIN).date()
    days = [today + count * DAY for count in ahead]
    await waits(stage, user, "skip", days[0])
    for day in days[1:]:
        await stage.knows(user, renews_at=str(day))
        await wait_until(lambda day=day: shows(stage, "renewal", user, start_of(day)))  # type: ignore[misc]
    await stage.wake("renewal", user)
    (line,) = await stage.sent(user)
    assert timedelta(0) <= line.at - datetime.combine(days[-1], time(0), BERLIN) < PUNCTUAL
    assert await greeting(stage, user) == "due"
    assert (await stage.result("renewal", user))["outcome"] == "went to its end"


@pytest.mark.parametrize("moved", [-30, 5, None], ids=["before the wait", "during the wait", "removed"])
@pytest.mark.parametrize(("rule", "seen"), [("skip", "not-due"), ("now", "due"), ("end", None)])
async def test_into_the_past(stage: Stage, user: str, rule: str, seen: str | None, moved: int | None) -> None:
    """D5, D6: a date that is moved into the past after ten days of waiting, even to a day within them, or that is removed,
    follows the rule for unusable dates at once and is "now" only where that says so.

    Killed by: counting a moved date from the beginning of the wait, or keeping the old one where there is none any more.
    """
    today = datetime.now(BERLIN).date()
    await waits(stage, user, rule, today + 20 * DAY)
    await stage.forward("renewal", user, by=10 * DAY)
    await stage.knows(user, renews_at=None if moved is None else str(today + moved * DAY))
    account = await stage.result("renewal", user)
    assert any(f"missing, past or too far away; declared for that: {rule}" in line for line in account["story"])
    assert account["outcome"] == ("went to its end" if seen else "ended: the date to wait for cannot be used")
    assert await greeting(stage, user) == seen


async def test_counted_from_the_move_abroad(stage: Stage, user: str) -> None:
    """D4: who has waited six hours for nine o'clock, and then moves to where it was nine meanwhile, is met there at nine
    the next day: neither at once nor at any other time of day.

    Killed by: counting the new zone's nine o'clock from the beginning of the wait in Traveller.until.
    """
    asked = datetime.now(UTC)
    ten, seven = zone_where(10, asked), zone_where(7, asked)
    await stage.knows(user, timezone=ten)
    await stage.happens(stage.event(user, "File Downloaded", file_name="parked 1999-01-01 09:00"))
    await wait_until(lambda: shows(stage, "parked", user, f"09:00 {ten}"))
    await stage.forward("parked", user, by=6 * HOUR)
    await stage.knows(user, timezone=seven)
    await wait_until(lambda: shows(stage, "parked", user, f"09:00 {seven}"))
    assert await stage.sends(user) == []
    await stage.wake("parked", user)
    (line, *_) = await stage.sent(user)
    tomorrow = asked.astimezone(ZoneInfo(seven)).date() + DAY
    assert timedelta(0) <= line.at - datetime.combine(tomorrow, time(9), ZoneInfo(seven)) < PUNCTUAL


async def waits(stage: Stage, user: str, rule: str, day: date) -> None:
    """Let the person's journey wait for that day."""
    await stage.knows(user, timezone=BERLIN.key, renews_at=str(day))
    await stage.happens(stage.event(user, "File Downloaded", file_name=f"renewal {rule}"))
    await wait_until(lambda: shows(stage, "renewal", user, start_of(day)))


def start_of(day: date) -> str:
    """How the account says the start of that day."""
    return f" {day.day} {day:%b %Y} 00:00"


async def shows(stage: Stage, journey: str, user: str, words: str) -> bool:
    """Whether the run says that it waits for this."""
    return words in str(await stage.handle(journey, user).query("__temporal_workflow_metadata"))


async def greeting(stage: Stage, user: str) -> str | None:
    """What the one message that went out says about the date; None if there is none."""
    async with stage.database.read() as connection:
        messages = await kept(connection, user_id=user)
    if not messages:
        return None
    (message,) = messages
    return "not-due" if "example.com/not-due" in message.rendered["html"] else "due"


def zone_where(hour: int, now: datetime) -> str:
    """A zone without daylight saving in which that hour of the day has begun."""
    ahead = next(each for each in range(hour - 19, hour + 5) if (now.hour + each) % 24 == hour)
    return f"Etc/GMT{-ahead:+d}"
