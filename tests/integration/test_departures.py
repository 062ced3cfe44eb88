"""A start that Temporal acknowledged to nobody: its run is known by the right id, and a goal reaches it and no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from temporalio.exceptions import WorkflowAlreadyStartedError

from events import Event
from ingestion.departures import Departures, StillStarting
from storage.facts import read_events
from storage.runs import Entry, OpenRun, Place, entries_at, run_at
from storage.tables import entries, open_runs
from tests.door import somebody
from tests.servers import wait_until
from tests.stage import Stage

pytestmark = pytest.mark.server


class Cart:
    """One person's cart run, as the relay knows it."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.user = stage, somebody()
        self.place = Place("cart_abandonment", self.user, "c")
        self.departures = Departures(stage.client, stage.settings.task_queue)

    async def touched(self) -> None:
        """Something is put into the cart."""
        await self.stage.happens(self.stage.event(self.user, "Cart Updated", cart_id="c", value=59, currency="EUR"))

    async def bought(self) -> None:
        """The cart is bought."""
        await self.stage.take(self.stage.event(self.user, "Order Completed", id=f"{self.user}-o", cart_id="c"))

    async def prolonged(self) -> str:
        """Let the run find that the cart was touched, and sleep on as a new run; returns the first one's id."""
        first = await self.stage.run_id(*self.at)
        await self.stage.wake(*self.at)
        await self.stage.asleep_again(*self.at, after=first)
        return first

    @property
    def at(self) -> tuple[str, str, str]:
        return self.place.journey, self.place.user_id, self.place.key

    async def forgotten(self) -> None:
        """As a relay leaves it that died after Temporal had answered, before that was noted."""
        async with self.stage.database.write() as connection:
            mine = entries.c.user_id == self.user, entries.c.journey == self.place.journey
            await connection.execute(update(entries).where(*mine).values(state="starting"))
            await connection.execute(
                update(open_runs).where(open_runs.c.user_id == self.user).values(first_run_id=None)
            )

    async def row(self) -> OpenRun:
        """The run as it is noted."""
        async with self.stage.database.read() as connection:
            run = await run_at(connection, self.place)
        assert run is not None
        return run

    async def entry(self) -> tuple[Entry, Event]:
        """The entry that opened the run, and its event."""
        async with self.stage.database.read() as connection:
            (entry,) = await entries_at(connection, self.place)
            (event,) = await read_events(connection, [entry.seq])
        return entry, event


@pytest.fixture
async def cart(stage: Stage) -> Cart:
    """A cart whose run sleeps in its hour of quiet."""
    cart = Cart(stage)
    await stage.knows(cart.user)
    await cart.touched()
    return cart


@pytest.mark.parametrize("prolonged", [False, True], ids=["first run", "continued as new"])
async def test_a_goal_after_a_lost_acknowledgement(cart: Cart, prolonged: bool) -> None:
    """A goal ends the run whose start was answered to nobody, also where that run has continued as new since.

    Killed by: cancelling nothing where no run id is noted, or by the id of the run that stands there at last.
    """
    if prolonged:
        await cart.touched()
        await cart.prolonged()
    await cart.forgotten()
    await cart.bought()
    account = await cart.stage.result(*cart.at)
    assert account["outcome"] == f"ended by Order Completed ({cart.user}-o)"


async def test_the_first_run(cart: Cart) -> None:
    """A run is known by the id of its first run whatever it has continued as, and only by who asks for its own entry.

    Killed by: answering with the run id that the server describes, or without comparing the entry in its memo.
    """
    await cart.touched()
    first, entry = await cart.prolonged(), (await cart.row()).entry_id
    assert await cart.stage.run_id(*cart.at) != first
    assert await cart.departures.first_run(cart.place, entry) == first
    assert await cart.departures.first_run(cart.place) == first
    assert await cart.departures.first_run(cart.place, "another entry") is None
    assert await cart.departures.first_run(Place("cart_abandonment", somebody(), "c")) is None


async def test_a_goal_for_another_pass(cart: Cart) -> None:
    """A goal for a pass whose run is not there is tried again later; the other run that bears its id is not touched.

    Killed by: cancelling by the bare workflow id, or whatever run is found under it.
    """
    await cart.forgotten()
    row = await cart.row()
    gone = OpenRun(cart.place, "another entry", row.entry_seq, None, "ending", None, row.due_at)
    with pytest.raises(StillStarting):
        await cart.departures.cancel(gone, "goal: Order Completed (o)")
    assert await cart.stage.is_open(*cart.at)
    assert not await cart.departures.is_closed(gone), "it may open at any moment"
    await cart.departures.cancel(row, "goal: Order Completed (o)")
    assert (await cart.stage.result(*cart.at))["outcome"] == "ended by Order Completed (o)"


async def test_a_start_that_is_repeated(cart: Cart) -> None:
    """To start the same entry's run again answers with the id of its first run and starts nothing; another entry is refused.

    Killed by: raising for every run that is there already, or answering with the id that the refusal names.
    """
    await cart.touched()
    journey = cart.stage.catalogue["cart_abandonment"].journey
    first = await cart.prolonged()
    (entry, event), newest = await cart.entry(), await cart.stage.run_id(*cart.at)
    assert await cart.departures.start(journey, entry, event) == first
    assert await cart.stage.run_id(*cart.at) == newest
    other = Entry(cart.place, "another entry", entry.seq, entry.entered_at, "starting")
    with pytest.raises(WorkflowAlreadyStartedError):
        await cart.departures.start(journey, other, event)


@pytest.mark.parametrize("over", [False, True], ids=["still open", "ended since"])
async def test_a_stale_start(cart: Cart, over: bool) -> None:
    """A start whose acknowledgement was lost is repeated by the sweep, which finds the run, open or ended, and starts no other.

    Killed by: leaving out the look for stale entries, or the look for the entry's own run before it is started once more.
    """
    first = await cart.stage.run_id(*cart.at)
    await cart.forgotten()
    if over:
        await cart.bought()
        await cart.stage.result(*cart.at)
    async with cart.stage.database.write() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=1)
        await connection.execute(update(entries).where(entries.c.user_id == cart.user).values(moved_at=long_ago))

    async def noted() -> bool:
        return (await cart.entry())[0].state == "started"

    await wait_until(noted, 20)
    assert await cart.stage.run_id(*cart.at) == first
    assert await cart.stage.is_open(*cart.at) is not over
    assert over or (await cart.row()).first_run_id == first
