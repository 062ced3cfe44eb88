"""Caps across journeys: exactly as many as allowed, the right ones, and what becomes of the others."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from activities.policy import QuietHours
from tests.sending import desk

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JOURNEYS = ("fifth", "fourth", "third", "second", "first")
NIGHT = QuietHours(time(22), time(8))


async def test_five_at_once(database_url: str, tmp_path: Path, user: str) -> None:
    """E4: five journeys that want to send to one person in the same moment get three messages through, not two or four.

    Killed by: leaving `lock_people` out of Claims.decide, on PostgreSQL.
    """
    async with desk(database_url, tmp_path, caps="3 a week rolling") as at:
        await at.person(user)
        answers = await asyncio.gather(*(at.ask(user, NOON, journey=journey) for journey in JOURNEYS))
        assert sorted(answer.status for answer in answers) == ["accepted"] * 3 + ["withheld"] * 2
        reasons = {answer.reason for answer in answers if answer.status == "withheld"}
        assert reasons == {"cap: 3 a week rolling"}


@pytest.mark.parametrize("rule", ["drop", "hold"])
async def test_who_gets_the_places(database_url: str, tmp_path: Path, user: str, rule: str) -> None:
    """E4, E3: of five held through the night the three of highest priority go in the morning, in whatever order they wake.

    Killed by: leaving out Timing._goes_before, or ranking by age alone.
    """
    async with desk(database_url, tmp_path, caps="3 a week rolling", quiet_hours=NIGHT, over_cap=rule) as at:
        await at.person(user)
        night = NOON + 12 * HOUR
        for journey in JOURNEYS:
            held = await at.ask(user, night, journey=journey, step=journey)
            assert (held.status, held.reason) == ("held", "quiet hours")
        pending, now, came = [*JOURNEYS], night + 8 * HOUR, dict[str, str]()
        for _ in range(3):
            answers = {journey: await at.ask(user, now, journey=journey, step=journey) for journey in pending}
            came |= {journey: answer.status for journey, answer in answers.items()}
            pending = [journey for journey, answer in answers.items() if "go first" in answer.reason]
            now += timedelta(minutes=1)
        left = "withheld" if rule == "drop" else "held"
        assert came == {
            "first": "accepted", "second": "accepted", "third": "accepted", "fourth": left, "fifth": left,
        }  # fmt: skip
        over = await at.ask(user, now, journey="fifth", step="fifth")
        assert over.reason == "cap: 3 a week rolling"
        if rule == "hold":
            assert over.until is not None
            assert (await at.ask(user, over.until, journey="fifth", step="fifth")).status == "accepted"


async def test_the_older_of_equals(database_url: str, tmp_path: Path, user: str) -> None:
    """E4: among messages of equal priority the one that has waited longer goes first.

    Killed by: comparing priorities alone in Timing's _rank.
    """
    async with desk(database_url, tmp_path, caps="1 a week rolling", quiet_hours=NIGHT) as at:
        await at.person(user)
        night = NOON + 12 * HOUR
        for minute, step in enumerate(("older", "newer")):
            await at.ask(user, night + timedelta(minutes=minute), step=step)
        morning = night + 8 * HOUR
        yielding = await at.ask(user, morning, step="newer")
        assert yielding.status == "held"
        assert "go first" in yielding.reason
        assert (await at.ask(user, morning, step="older")).status == "accepted"
        assert (await at.ask(user, morning + timedelta(minutes=1), step="newer")).status == "withheld"


async def test_nobody_yields_for_ever(database_url: str, tmp_path: Path, user: str) -> None:
    """E4: a held message whose journey has died keeps its place from others for a minute, not longer.

    Killed by: looking only forward from `now` in Timing._goes_before.
    """
    async with desk(database_url, tmp_path, caps="1 a week rolling", quiet_hours=NIGHT) as at:
        await at.person(user)
        night = NOON + 12 * HOUR
        await at.ask(user, night, journey="first", step="dead")
        morning = night + 8 * HOUR
        yielding = await at.ask(user, morning, step="alive")
        assert yielding.until == morning + timedelta(minutes=1)
        assert (await at.ask(user, morning + timedelta(seconds=61), step="alive")).status == "accepted"


@pytest.mark.parametrize(("caps", "second"), [("1 a day rolling", "withheld"), ("1 a calendar day", "accepted")])
async def test_an_hour_across_midnight(database_url: str, tmp_path: Path, user: str, caps: str, second: str) -> None:
    """E5, D9: at 23:00 and at 00:00 of the person's clock are two calendar days and one day of 24 hours.

    Killed by: reading the calendar in UTC in Cap.since, or as the last 24 hours.
    """
    async with desk(database_url, tmp_path, caps=caps) as at:
        await at.person(user, zone="Asia/Tokyo")
        late = datetime(2026, 3, 3, 14, tzinfo=UTC)
        assert (await at.ask(user, late)).status == "accepted"
        assert (await at.ask(user, late + HOUR)).status == second


@pytest.mark.parametrize(("suffix", "marketing"), [("", "accepted"), (" counting all", "withheld")])
async def test_transactional(database_url: str, tmp_path: Path, user: str, suffix: str, marketing: str) -> None:
    """E6: a transactional message is never capped, and takes a place only where the cap says so.

    Killed by: leaving the look at the kind out of Timing._capped, or `counts_all` out of Cap.counts.
    """
    caps = f"1 a day rolling{suffix}"
    async with desk(database_url, tmp_path, caps=caps, kind="transactional") as at:
        await at.person(user)
        for minute in range(3):
            assert (await at.ask(user, NOON + timedelta(minutes=minute))).status == "accepted"
    async with desk(database_url, tmp_path, caps=caps) as at:
        assert (await at.ask(user, NOON + HOUR)).status == marketing


async def test_a_cap_of_one_topic(database_url: str, tmp_path: Path, user: str) -> None:
    """E5: a cap of one topic does not touch the others.

    Killed by: leaving the topic out of Cap.counts.
    """
    async with desk(database_url, tmp_path, caps="news: 1 a day rolling", topic="news") as at:
        await at.person(user)
        assert (await at.ask(user, NOON)).status == "accepted"
        assert (await at.ask(user, NOON)).reason == "cap: news: 1 a day rolling"
    async with desk(database_url, tmp_path, caps="news: 1 a day rolling", topic="carts") as at:
        assert (await at.ask(user, NOON)).status == "accepted"


async def test_late_is_not_sent(database_url: str, tmp_path: Path, user: str) -> None:
    """E8: a message is worth nothing once it is older than its validity, counted from when the journey wanted it.

    Killed by: counting from the ledger's first line in Claims._claim.
    """
    async with desk(database_url, tmp_path, expires="72h") as at:
        await at.person(user)
        in_time = await at.ask(user, NOON + 3 * DAY, due=NOON)
        late = await at.ask(user, NOON + 3 * DAY + HOUR, due=NOON)
        assert (in_time.status, late.status) == ("accepted", "withheld")
        assert late.reason == "expired before it could be sent"
