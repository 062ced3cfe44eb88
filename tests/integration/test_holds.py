"""Messages that are held back when their pass ends: nothing in the ledger waits for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stack import TemporalServer
from storage.database import Database
from storage.holds import withdraw
from storage.ledger import Send, put_send, sends_of_person
from storage.migrate import migrate
from storage.runs import Place
from tests.door import somebody
from tests.servers import wait_until
from tests.stage import Stage, staged

NOW = datetime(2026, 3, 1, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACE = Place("cart_abandonment", "u", "c")
HELD = Send(
    send_key="held", step_key="step", user_id="u", journey="cart_abandonment", key="c", entry_id="e", step="email x #1",
    channel="email", template="x", topic="carts", kind="marketing", status="held", at=NOW, machine_at=NOW,
    reason="quiet hours", until=NOW + 10 * HOUR,
)  # fmt: skip


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await migrate(database)
    yield database
    await database.close()


async def test_only_what_this_pass_holds(database: Database) -> None:
    """What the pass holds is withheld with the reason; nothing else changes, of another pass, key or journey, or decided before."""
    others = [
        replace(HELD, send_key="accepted", status="accepted", until=None, reason=None),
        replace(HELD, send_key="another pass", entry_id="e-2"),
        replace(HELD, send_key="another cart", key="c-2"),
        replace(HELD, send_key="another journey", journey="win_back"),
    ]
    second = replace(HELD, send_key="second", step_key="second step")
    async with database.write() as connection:
        for line in (HELD, second, *others):
            await put_send(database, connection, line)
        await withdraw(connection, PLACE, "e", "ended by Order Completed (o)")
        lines = {line.send_key: line for line in await sends_of_person(connection, "u")}
    settled: dict[str, Any] = {"status": "withheld", "reason": "ended by Order Completed (o)", "until": None}
    assert [lines["held"], lines["second"]] == [replace(line, **settled) for line in (HELD, second)]
    assert [lines[line.send_key] for line in others] == others


async def test_one_that_may_have_arrived(database: Database) -> None:
    """A message that was to go once more, because nobody knows whether it arrived, stays in doubt and is not called withheld."""
    async with database.write() as connection:
        await put_send(database, connection, replace(HELD, resent=True))
        await withdraw(connection, PLACE, "e", "ended by Order Completed (o)")
        (line,) = await sends_of_person(connection, "u")
    assert (line.status, line.until) == ("unknown", None)


@pytest.fixture
async def night(temporal: TemporalServer, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """The system in the hour before quiet hours begin in Berlin."""
    berlin = datetime.now(ZoneInfo("Europe/Berlin"))
    window = f"{berlin + HOUR / 2:%H:%M}-{berlin + 3 * HOUR:%H:%M}"
    async with staged(database_url, temporal.address, tmp_path, quiet_hours=window) as stage:
        yield stage


@pytest.mark.server
async def test_bought_in_the_night(night: Stage) -> None:
    """E2: a purchase in the night settles the reminder that quiet hours hold: withheld, because of that purchase.

    Killed by: leaving the withdrawal out of Router._end.
    """
    stage, user = night, somebody()
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.wake("cart_abandonment", user, "c")
    await wait_until(lambda: stage.sends(user, status="held"), 20)
    await stage.happens(stage.event(user, "Order Completed", id=f"{user}-o", cart_id="c", order_id="o"))
    ended = f"ended by Order Completed ({user}-o)"
    assert (await stage.result("cart_abandonment", user, "c"))["outcome"] == ended
    (line,) = [line for line in await stage.sends(user) if line.journey == "cart_abandonment"]
    assert (line.status, line.reason, line.until) == ("withheld", ended, None)
