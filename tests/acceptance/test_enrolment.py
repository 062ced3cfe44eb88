"""Existing people are let into a journey: all who should be, nobody twice, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from errors import SettingsError
from stack import TemporalServer
from storage.database import Database
from storage.runs import entries_into
from tests.enrolling import begun, entered, finished
from tests.stage import Stage, kinds, staged

pytestmark = pytest.mark.server


async def known(stage: Stage, user: str, count: int) -> list[str]:
    """So many people more."""
    users = [f"{user}-{number:03}" for number in range(count)]
    traits = {"firstName": "Ada"}
    await stage.take(
        *(stage.event(each, "Identified", traits=traits | {"email": f"{each}@example.com"}) for each in users)
    )
    return users


async def test_campaign(stage: Stage, user: str) -> None:
    """F6: a campaign's mail goes to everybody of the segment, once however often they are enrolled, and nothing else starts.

    Killed by: routing Enrolled as any other start in Router.route, or leaving `again` out of Router.objection.
    """
    users = await known(stage, user, 3)
    buyer = users.pop()
    await stage.happens(stage.event(buyer, "Order Completed", order_id="o", value=10, currency="EUR"))
    first = await finished(stage.database, await begun(stage.database, "campaign", "newcomer", name=f"e-{user}"))
    assert first.counts == {"entered": 2, "not in the segment": 1}
    for each in users:
        assert kinds(await stage.sent(each)) == ["email win_back/we_miss_you"]
    second = await finished(stage.database, await begun(stage.database, "campaign", "newcomer", name=f"f-{user}"))
    assert second.counts == {"has been let in before": 2, "not in the segment": 1}
    await stage.routed()
    assert await entered(stage.database, "campaign") == dict.fromkeys(users, 1)
    assert await entered(stage.database, "bystander") == {}
    assert [len(await stage.sends(each)) for each in users] == [1, 1]


async def test_live_event_at_the_same_instant(stage: Stage, user: str) -> None:
    """F6: people who are enrolled in the very moment in which their own event arrives have one entry and one run.

    Killed by: leaving the look at `known` out of Enroller._opening, and `again` out of Router.objection.
    """
    users = await known(stage, user, 40)
    await stage.routed()

    async def live() -> None:
        for each in users:
            await stage.take(stage.event(each, "File Downloaded", file_name="nap"))

    async def enrolling() -> Counter[str]:
        other, counts = Database(stage.settings.database_url), Counter[str]()
        for round_ in range(3):
            enrolment = await begun(other, "nap", name=f"e{round_}-{user}")
            counts += (await finished(other, enrolment)).counts
        await other.close()
        return counts

    _, counts = await asyncio.gather(live(), enrolling())
    await stage.routed()
    assert counts.total() == 3 * len(users)
    assert await entered(stage.database, "nap") == dict.fromkeys(users, 1)
    assert all(await asyncio.gather(*(stage.is_open("nap", each) for each in users)))


async def test_before_the_relay(temporal: TemporalServer, database_url: str, tmp_path: Path, user: str) -> None:
    """F6: an event that is stored and not yet routed lets its person in by the enrolment, and is that same entry when routed.

    Killed by: giving the entry of an enrolment the id of the Enrolled event where the journey starts on another.
    """
    async with staged(database_url, temporal.address, tmp_path, relaying=False) as stage:
        await stage.take(stage.event(user, "File Downloaded", id=f"{user}-own", file_name="nap"))
        counts = (await finished(stage.database, await begun(stage.database, "nap", name=f"e-{user}"))).counts
        assert counts == {"entered": 1}
        async with stage.relay:
            await stage.routed()
        async with stage.database.read() as connection:
            (entry,) = await entries_into(connection, "nap", user)
        assert (entry.event_id, entry.state) == (f"{user}-own", "started")
        assert await stage.is_open("nap", user)


async def test_two_at_once(stage: Stage, user: str) -> None:
    """F6: two processes that go on with the same enrolment let nobody in twice, and one of them says so and ends.

    Killed by: leaving the cursor out of the condition of MOVE.
    """
    users = await known(stage, user, 60)
    enrolment = await begun(stage.database, "campaign", name=f"e-{user}")
    other = Database(stage.settings.database_url)
    results = await asyncio.gather(
        finished(stage.database, enrolment, rate=20), finished(other, enrolment, rate=20), return_exceptions=True
    )
    await other.close()
    (refused,) = (each for each in results if isinstance(each, SettingsError))
    (done,) = (each for each in results if not isinstance(each, BaseException))
    assert f"Another process goes on with the enrolment e-{user}" in str(refused)
    assert done.counts == {"entered": 60}
    await stage.routed()
    assert await entered(stage.database, "campaign") == dict.fromkeys(users, 1)
