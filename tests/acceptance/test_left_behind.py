"""What a run leaves behind in the ledger when it ends by a word that only Temporal has heard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from ingestion.incoming import Incoming
from ingestion.relay import Relay
from stack import TemporalServer
from storage.holds import GONE
from storage.ledger import Send, Status, put_send
from tests.acceptance.support import reset
from tests.servers import wait_until
from tests.stage import Stage, staged

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
JOURNEY = "cart_abandonment"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
Word = Literal["stop", "goal", "terminate"]


@pytest.fixture
async def held(temporal: TemporalServer, database_url: str, tmp_path: Path, user: str) -> AsyncIterator[Stage]:
    """A system in which quiet hours hold a cart's reminder, and whose relay has ended."""
    middle = datetime.now(ZoneInfo("Europe/Berlin")) + HOUR
    window = f"{middle - 30 * MINUTE:%H:%M}-{middle + 2 * HOUR:%H:%M}"
    async with staged(database_url, temporal.address, tmp_path, quiet_hours=window, relaying=False) as stage:
        async with stage.relay:
            await stage.knows(user)
            await stage.happens(cart(stage, user))
            await stage.wake(JOURNEY, user, "c")
            await wait_until(lambda: stage.sends(user, status="held"), 20)
        yield stage


def relay_of(stage: Stage) -> Relay:
    return Relay(stage.database, stage.client, stage.catalogue, task_queue=stage.settings.task_queue)


def cart(stage: Stage, user: str) -> Incoming:
    return stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR")


async def end(stage: Stage, user: str, word: Word) -> None:
    """End the run so that nothing but Temporal knows, and wait until it has closed."""
    run = stage.handle(JOURNEY, user, "c")
    if word == "stop":
        await run.execute_update("stop", args=["complained", "kim"])
    elif word == "goal":
        bought = {"type": "Order Completed", "event_id": "direct", "occurred_at": "2026-03-01T09:30:00Z"}
        await run.signal("event", bought | {"cart_id": "c", "order_id": "o"})
    else:
        await run.terminate("by hand")

    async def is_over() -> bool:
        return not await stage.is_open(JOURNEY, user, "c")

    await wait_until(is_over, 20)


async def put(stage: Stage, user: str, **facts: object) -> Send:
    """Change the one line of this cart."""
    line = replace(await line_of(stage, user), **facts)  # type: ignore[arg-type]
    async with stage.database.write() as connection:
        await put_send(stage.database, connection, line)
    return line


async def line_of(stage: Stage, user: str) -> Send:
    (line,) = [line for line in await stage.sends(user) if line.journey == JOURNEY]
    return line


async def settled(stage: Stage, user: str) -> Send:
    """The line, once it is neither held nor claimed."""

    async def found() -> Send | None:
        line = await line_of(stage, user)
        return None if line.status in ("held", "claimed") else line

    line = await wait_until(found, 20)
    assert isinstance(line, Send)
    return line


@pytest.mark.parametrize("word", ["stop", "goal", "terminate"])
async def test_when_its_moment_has_passed(held: Stage, user: str, word: Word) -> None:
    """E2: what is held for a run that support has stopped, that a goal sent straight to it has ended, or that somebody has
    terminated, is withheld once its moment has passed, without anything else happening to the person.

    Killed by: leaving the look at overdue messages out of Aftercare.sweep, or settle_left out of Aftercare.close.
    """
    await end(held, user, word)
    await put(held, user, until=LONG_AGO)
    async with relay_of(held):
        line = await settled(held, user)
    assert (line.status, line.reason, line.until) == ("withheld", GONE, None)


async def test_when_the_person_acts_again(held: Stage, user: str) -> None:
    """What is held for a run that support has stopped is withheld as soon as another event shows that the run is closed.

    Killed by: leaving settle_left out of Aftercare.close.
    """
    await end(held, user, "stop")
    async with relay_of(held):
        await held.take(cart(held, user))
        line = await settled(held, user)
    assert (line.status, line.reason) == ("withheld", GONE)


async def test_while_the_run_is_open(held: Stage, user: str) -> None:
    """What a run that still waits has held stays held, however late it is; what an unknown pass has left does not.

    Killed by: settling without asking the server in Aftercare._settle_if_gone.
    """
    mine = await put(held, user, until=LONG_AGO)
    other = replace(mine, send_key="0" * 64, step_key="0" * 64, entry_id="an earlier pass")
    async with held.database.write() as connection:
        await put_send(held.database, connection, other)
    async with relay_of(held):

        async def other_is_settled() -> bool:
            return bool(await held.sends(user, status="withheld"))

        await wait_until(other_is_settled, 20)
        await held.routed()
    assert [line.entry_id for line in await held.sends(user, status="held")] == [mine.entry_id]


@pytest.mark.parametrize(
    ("status", "resent"), [("claimed", False), ("held", True)], ids=["its attempt died", "it was to go once more"]
)
async def test_one_that_may_have_arrived(held: Stage, user: str, status: Status, resent: bool) -> None:
    """B3: a message that may have arrived when its run was stopped is in doubt, and not called withheld.

    Killed by: leaving GIVE_UP out of settle_left, or `resent` out of WITHDRAW, in storage/holds.py.
    """
    await end(held, user, "stop")
    await put(held, user, status=status, resent=resent, until=LONG_AGO)
    async with relay_of(held):
        assert (await settled(held, user)).status == "unknown"


async def test_terminated_by_mistake(held: Stage, user: str) -> None:
    """F3: support terminates a run and then resets it: what was withheld because the run had ended is judged anew, and held again.

    Killed by: treating that reason like any other in Claims._settled.
    """
    await end(held, user, "terminate")
    await put(held, user, until=LONG_AGO)
    async with relay_of(held):
        assert (await settled(held, user)).status == "withheld"
        await reset(held, JOURNEY, user, "c")

        async def is_held() -> bool:
            return bool(await held.sends(user, status="held"))

        await wait_until(is_held, 20)
    assert (await line_of(held, user)).reason == "quiet hours"
