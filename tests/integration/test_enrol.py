"""The command that lets existing people in: killed and begun again, at its rate, counting only, and what it refuses."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from settings import ROOT
from storage.tables import enrolments, entries, routing
from tests.door import Door, opened_door, said
from tests.enrolling import begun, entered, finished, rehearsed
from tests.programs import Place, command
from tests.servers import wait_until

STARTER = "starter.py"


async def signed_up(door: Door, count: int) -> list[str]:
    """So many people whose events were routed long ago, before there was the journey that they are let into."""
    users = [f"u-{number:03}" for number in range(count)]
    await door.take(*(said(user, "Signed Up", ago=timedelta(days=90)) for user in users))
    async with door.database.write() as connection:
        await connection.execute(delete(routing))
    return users


async def looked_at(door: Door) -> str:
    """How far the enrolment there is has come."""
    rows = await door.rows(enrolments)
    return str(rows[0].cursor) if rows else ""


async def test_killed_and_begun_again(database_url: str, tmp_path: Path) -> None:
    """F6: killed with -9 again and again, the same command goes on where it was: in the end everybody has one entry, and
    the counts are right.

    Killed by: beginning a new enrolment in _begun whatever is unfinished, or moving the cursor in a transaction of its own.
    """
    async with opened_door(database_url) as door:
        users = await signed_up(door, 70)
        place = Place(tmp_path, JOURNEYMAN_DATABASE=database_url)
        words = (STARTER, "enrol", "onboarding", "--segment", "everybody", "--rate")
        for _ in range(2):
            before = await looked_at(door)
            process = subprocess.Popen(  # noqa: ASYNC220  it is killed, not waited for
                [sys.executable, *words, "10"], cwd=ROOT, env=place.environment, stderr=subprocess.DEVNULL
            )
            await wait_until(lambda before=before: _beyond(door, before), 40)  # type: ignore[misc]
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert 0 < len(await entered(door.database, "onboarding")) < len(users)
        done = await command(place, *words, "1000")
        assert done.code == 0, done.err
        assert "70  entered" in done.out
        assert "0  not entered" in done.out
        assert "Going on with" in done.err
        assert await entered(door.database, "onboarding") == dict.fromkeys(users, 1)
        assert [row.user_id for row in await door.stored("Enrolled")] == users
        assert len(await door.routed()) == len(users)


async def _beyond(door: Door, before: str) -> bool:
    return await looked_at(door) > before


async def test_rate(database_url: str) -> None:
    """F6: no more people enter in any stretch of time than the rate allows, and one transaction's worth.

    Killed by: leaving the sleep out of Enroller._turn, or counting from the end of a transaction that let nobody in.
    """
    async with opened_door(database_url) as door:
        await signed_up(door, 12)
        await finished(door.database, await begun(door.database, "onboarding"), rate=4)
        async with door.database.read() as connection:
            rows = await connection.execute(select(entries.c.entered_at).order_by(entries.c.entered_at))
            moments: list[datetime] = [row.entered_at for row in rows]
    for first, begin in enumerate(moments):
        for last in range(first, len(moments)):
            passed = (moments[last] - begin).total_seconds()
            assert last - first + 1 <= 4 * passed + 2.5
    assert len(moments) == 12
    assert timedelta(seconds=2.4) < moments[-1] - moments[0] < timedelta(seconds=10)


async def test_counting_only(database_url: str) -> None:
    """A dry run counts what the real run then does, and changes nothing.

    Killed by: writing in Enroller.rehearse.
    """
    async with opened_door(database_url) as door:
        await signed_up(door, 4)
        await door.take(said("visitor", "Product Viewed", product_id="p"))
        before = await door.everything()
        counts = await rehearsed(door.database, "onboarding")
        assert counts == {"entered": 4, "has never: Signed Up": 1}
        assert await door.everything() == before
        assert (await finished(door.database, await begun(door.database, "onboarding"))).counts == counts


async def test_why_not(database_url: str) -> None:
    """Whoever does not enter is counted under the reason: the cart was bought, is too small, or never was.

    Killed by: leaving overtaken_by or `enters` out of Router.objection.
    """
    async with opened_door(database_url) as door:
        for user, value in (("bought", 50), ("small", 5), ("left", 50)):
            await door.take(
                said(user, "Cart Updated", ago=timedelta(days=3), cart_id=f"c-{user}", value=value, currency="EUR")
            )
        await door.take(said("bought", "Order Completed", cart_id="c-bought", value=50), said("nobody", "Signed Up"))
        async with door.database.write() as connection:
            await connection.execute(delete(routing))
        enrolment = await finished(door.database, await begun(door.database, "cart_abandonment"))
        assert enrolment.counts == {
            "entered": 1,
            "has reached its goal since": 1,
            "does not meet its condition": 1,
            "has never: Cart Updated": 1,
        }
        assert await entered(door.database, "cart_abandonment") == {"left": 1}


async def test_live_events_go_first(tmp_path: Path) -> None:
    """While many events wait for the relay nobody is let in; as soon as it has come on, they are.

    Killed by: leaving `ahead` out of Enroller._turn.
    """
    async with opened_door(f"sqlite:///{tmp_path / 'journeyman.db'}") as door:
        await door.take(*(said(f"live-{number:03}", "Signed Up") for number in range(120)))
        task = asyncio.create_task(finished(door.database, await begun(door.database, "onboarding")))
        done, _ = await asyncio.wait([task], timeout=1)
        assert not done
        assert not await entered(door.database, "onboarding")
        async with door.database.write() as connection:
            await connection.execute(delete(routing))
        await wait_until(lambda: entered(door.database, "onboarding"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("spring", "--segment", "at_risk"), "no journey named spring; there are: cart_abandonment, "),
        (
            ("onboarding", "--segment", "risky"),
            "no segment named risky; there are: everybody, at_risk, browses_mobile_buys_desktop, ",
        ),
        (("onboarding", "--segment", "at_risk", "--resume", "e-1"), "no enrolment e-1 of at_risk into onboarding"),
        (("onboarding", "--segment", "everybody", "--dry-run"), None),
    ],
)
async def test_names(tmp_path: Path, words: tuple[str, ...], expected: str | None) -> None:
    """A journey, segment or enrolment that is not there is refused with those that are; a dry run needs nobody.

    Killed by: taking any name for a segment in Enroller.
    """
    answer = await command(Place(tmp_path), STARTER, "enrol", *words)
    if expected is None:
        assert (answer.code, answer.err) == (0, "")
        assert "Nothing was changed" in answer.out
    else:
        assert answer.code == 1
        assert expected in answer.err
