"""An event that nobody can route is set aside, so that its person's life goes on, and is routed when the bug is mended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from aside import asides_of, replay
from errors import SettingsError
from ingestion.incoming import Incoming
from storage.aside import give_back, set_aside, those_aside
from storage.ledger import kept
from storage.routing import TRIED_FOR, TRIES, failed, hold_back
from storage.runs import entries_of_person, runs_of
from storage.tables import people, routing
from tests.door import somebody
from tests.servers import wait_until
from tests.stage import Stage

pytestmark = pytest.mark.server
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROBLEM = "KeyError at a_journey.py:7"


def cart(stage: Stage, user: str) -> Incoming:
    return stage.event(user, "Cart Updated", cart_id="c", value="30", currency="EUR")


async def entered(stage: Stage, user: str) -> list[tuple[str, str]]:
    """Journeys and what became of the person's entries into them, in order."""
    async with stage.database.read() as connection:
        return [(each.place.journey, each.state) for each in await entries_of_person(connection, user)]


async def aside(stage: Stage) -> list[int]:
    async with stage.database.read() as connection:
        return [each.seq for each in await those_aside(connection, 1000)]


async def lay_aside(stage: Stage, *messages: Incoming) -> list[int]:
    """Accept these and set them aside at once, as the relay does in the end; returns their places."""
    await stage.take(*messages)
    async with stage.database.write() as connection:
        rows = (await connection.execute(select(routing.c.seq, routing.c.user_id).order_by(routing.c.seq))).all()
        seqs = [row.seq for row in rows]
        for row in rows:
            await set_aside(stage.database, connection, row.user_id, row.seq, NOW, PROBLEM, TRIES)
    assert len(seqs) >= len(messages)
    return seqs


async def tried_often(stage: Stage, user: str) -> None:
    """Let the person's first event have been tried as often and as long as it takes, but for once."""
    long_ago = datetime.now(UTC) - TRIED_FOR
    failing = update(routing).where(routing.c.user_id == user, routing.c.failing_since.is_not(None))
    async with stage.database.write() as connection:
        await connection.execute(failing.values(attempts=TRIES - 1, failing_since=long_ago, not_before=None))


async def test_the_bug_is_mended(stage: Stage) -> None:
    """T4: an event at which a condition throws is set aside and listed without its data, the person's later ones go on, and
    given back after the bug is mended it is seen once by the journey that it was for, and moves no other.

    Killed by: never calling set_aside in Relay._at_fault, leaving the event in `routing`, or giving back without deleting.
    """
    user = somebody()
    await stage.knows(user)
    await stage.take(stage.event(user, "File Downloaded", file_name="picky"), cart(stage, user))
    await wait_until(lambda: is_failing(stage))
    assert await entered(stage, user) == []
    await tried_often(stage, user)
    await wait_until(stage.relay.idle, 20)
    assert await entered(stage, user) == [("cart_abandonment", "started")]
    run_id = await stage.run_id("cart_abandonment", user, "c")

    told = (await asides_of(stage.settings, 10)).plain()
    (line,) = told["events"]
    assert (told["count"], line["event"], line["problem"], line["tries"]) == (
        1, "File Downloaded", "InvalidOperation at picky.py:9", TRIES,
    )  # fmt: skip

    async with stage.database.write() as connection:
        await connection.execute(update(people).where(people.c.user_id == user).values(orders=1, spent=Decimal(5)))
    assert await replay(stage.settings, line["seq"], everything=False) == "Given back to the relay: 1 event."
    with pytest.raises(SettingsError, match="is set aside"):
        await replay(stage.settings, line["seq"], everything=False)
    await wait_until(stage.relay.idle, 20)
    assert sorted(await entered(stage, user)) == [
        ("cart_abandonment", "started"), ("picky", "started"), ("win_back", "started"),
    ]  # fmt: skip
    assert await aside(stage) == []
    assert await stage.run_id("cart_abandonment", user, "c") == run_id
    assert len(await stage.sent(user)) == 1


async def test_the_condition_of_an_entry_that_waits(stage: Stage) -> None:
    """An entry that waits for the run before it, and at which the condition throws when its turn comes, is set aside as any
    event that nobody can route, keeps nobody waiting, and is let in when the bug is mended.

    Killed by: catching nothing in Router.resume (it is tried each second, for ever), dropping the entry there, or keeping
    it: an event is not judged twice where it has entered.
    """
    user = somebody()
    await stage.knows(user)

    async def bought(orders: int) -> None:
        async with stage.database.write() as connection:
            values = {"orders": orders, "spent": Decimal(5 * orders)}
            await connection.execute(update(people).where(people.c.user_id == user).values(values))

    await bought(1)
    for _ in range(2):
        await stage.take(stage.event(user, "Video Playback Completed", content_asset_id="moody-1"))
    await wait_until(lambda: are(stage, user, "started", "waiting"), 20)
    await stage.sent(user)
    await bought(0)
    await stage.wake("moody", user, "moody-1")
    await wait_until(lambda: is_failing(stage), 20)
    await stage.take(cart(stage, user))
    await tried_often(stage, user)
    await wait_until(stage.relay.idle, 20)
    (line,) = (await asides_of(stage.settings, 10)).lines
    assert (line.problem, line.attempts) == ("InvalidOperation at moody.py:10", TRIES)
    assert await are(stage, user, "started")
    assert ("cart_abandonment", "started") in await entered(stage, user)

    await bought(1)
    await replay(stage.settings, line.seq, everything=False)
    await wait_until(stage.relay.idle, 20)
    assert await are(stage, user, "started", "started")
    assert len(await stage.sent(user, 2)) == 2


async def are(stage: Stage, user: str, *states: str) -> bool:
    """Whether that is what has become of the person's entries into `moody`."""
    return tuple(state for journey, state in await entered(stage, user) if journey == "moody") == states


async def is_failing(stage: Stage) -> bool:
    """Whether an event is found to be at fault itself."""
    async with stage.database.read() as connection:
        at_fault = select(routing.c.seq).where(routing.c.failing_since.is_not(None))
        return (await connection.execute(at_fault)).first() is not None


async def test_not_mended(stage: Stage) -> None:
    """An event that is given back before the bug is mended is tried as often again, and set aside again.

    Killed by: keeping the tries of the first time.
    """
    user = somebody()
    seqs = await lay_aside(stage, stage.event(user, "File Downloaded", file_name="picky"))
    await replay(stage.settings, None, everything=True)

    async def tries() -> int | None:
        async with stage.database.read() as connection:
            return (await connection.execute(select(routing.c.attempts))).scalar()

    await wait_until(tries)
    assert await aside(stage) == []
    await tried_often(stage, user)
    await wait_until(stage.relay.idle, 20)
    assert await aside(stage) == seqs


async def test_the_persons_order(unrelayed: Stage) -> None:
    """An event that is given back goes before the person's later ones that still wait: the run it opens hears of those.

    Killed by: giving events back under a new place at the end.
    """
    stage, user = unrelayed, somebody()
    (seq,) = await lay_aside(stage, stage.event(user, "File Downloaded", file_name="listener"))
    await stage.take(*(stage.event(user, "Video Playback Completed", content_asset_id=f"v-{n}") for n in range(3)))
    await give_back(stage.database, [seq])
    async with stage.relay:
        await stage.knows(user)
        await stage.wake("listener", user)
        await stage.wake("listener", user)
        await stage.result("listener", user)
        async with stage.database.read() as connection:
            (message,) = await kept(connection, user_id=user)
    assert "seen-3-videos" in str(message.rendered)


@pytest.mark.parametrize("bought", [True, False])
async def test_bought_meanwhile(unrelayed: Stage, bought: bool) -> None:
    """A cart that is given back after its purchase was routed opens no run; one that was not bought does.

    Killed by: leaving routed_after out of Router.overtaken_by (the purchase says it happened before the cart).
    """
    stage, user = unrelayed, somebody()
    (seq,) = await lay_aside(stage, cart(stage, user))
    async with stage.relay:
        before = datetime.now(UTC) - timedelta(minutes=1)
        order = stage.event(user, "Order Completed", at=before, cart_id="c" if bought else "other", value="30")
        await stage.happens(order)
        await give_back(stage.database, [seq])
        await wait_until(stage.relay.idle, 20)
    assert (("cart_abandonment", "started") in await entered(stage, user)) is not bought


async def test_a_goal_that_was_set_aside(unrelayed: Stage) -> None:
    """A goal that is given back ends the run that was open when it was accepted, and no later one of the same key.

    Killed by: dropping the look at entry_seq in Router._end.
    """
    stage, user, key = unrelayed, somebody(), "encore-1"
    async with stage.relay:
        await stage.happens(stage.event(user, "Order Refunded", order_id=key))
    first, second = await lay_aside(
        stage, *(stage.event(user, "Order Cancelled", id=f"{user}-c{number}", order_id=key) for number in (1, 2))
    )
    async with stage.relay:
        assert await stage.is_open("encore", user, key)
        await give_back(stage.database, [second])
        assert (await stage.result("encore", user, key))["outcome"] == f"ended by Order Cancelled ({user}-c2)"
        await stage.happens(stage.event(user, "Order Refunded", order_id=key))
        await give_back(stage.database, [first])
        await wait_until(stage.relay.idle, 20)
        assert await stage.is_open("encore", user, key)
        async with stage.database.read() as connection:
            assert [run.state for run in (await runs_of(connection, user)).values()] == ["open"]


async def test_how_often_and_how_long(unrelayed: Stage) -> None:
    """It takes ten tries, over four minutes, that the event itself has failed; whatever else was in the way counts for
    nothing, however often.

    Killed by: looking at the tries alone or at the time alone, or letting hold_back keep failing_since.
    """
    user = somebody()
    await unrelayed.take(cart(unrelayed, user))
    async with unrelayed.database.write() as connection:
        seq = (await connection.execute(select(routing.c.seq))).scalar_one()
        for minute in range(60):
            await hold_back(connection, seq, NOW + timedelta(minutes=minute), "Temporal answered UNAVAILABLE")
        assert await failed(connection, seq, NOW, PROBLEM) == 0
        await hold_back(connection, seq, NOW + timedelta(minutes=1), "Temporal answered UNAVAILABLE")
        begun = NOW + timedelta(minutes=2)
        for _ in range(20):
            assert await failed(connection, seq, begun, PROBLEM) == 0, "tried often, in no time"
        assert await failed(connection, seq, begun + TRIED_FOR, PROBLEM) == 21

        await hold_back(connection, seq, begun, "Temporal answered UNAVAILABLE")
        assert await failed(connection, seq, begun, PROBLEM) == 0
        assert await failed(connection, seq, begun + 10 * TRIED_FOR, PROBLEM) == 0, "tried twice, over a long time"

        await hold_back(connection, seq, begun, "Temporal answered UNAVAILABLE")
        tried, moments = 0, []
        moment = begun
        while not tried:
            moments.append((moment - begun).total_seconds())
            tried = await failed(connection, seq, moment, PROBLEM)
            moment = (await connection.execute(select(routing.c.not_before))).scalar_one()
    assert tried == len(moments) == TRIES
    assert moments[:4] == [0, 0.5, 1.5, 3.5]
    assert moments[-1] == 255.5
