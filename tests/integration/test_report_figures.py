"""What a report counts of messages, of people who got them, and of experiments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from reporting import places
from reporting.chart import Chart, Node
from reporting.comparison import compared
from reporting.figures import said
from reporting.tables import tables_of
from storage.cohorts import Group
from storage.runs import OpenRun, Place, put_run
from tests.reported import DAY, DAY_ONE, HOUR, World, held_out, world_over
from workflows.catalogue import Catalogue
from workflows.variants import HELD, LET_IN, Experiment

CHART = Chart(
    (
        Node("start", "start", "Signed Up"),
        Node("step1", "send", "in_app or email cart/still_here"),
        Node("finish", "end", "end"),
    ),
    (),
    "",
)
CART = {"name": "Cart Updated", "key": "c", "cart_id": "c"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_over(database_url) as world:
        yield world


async def test_funnel(world: World) -> None:
    """Each person once, as far as they came: also with two passes and two messages, and never by a machine that opens all.

    Killed by: counting passes or messages, believing machines, or goals before the first message or after the window.
    """
    for number in range(6):
        await world.enters("onboarding", f"u-{number}")
        await world.enters("onboarding", f"u-{number}", DAY_ONE + DAY)
    await world.enters("onboarding", "held", drawn=HELD)
    await world.enters("onboarding", "dropped", reason="taken in by the run before")
    await world.is_sent("onboarding", "u-0", DAY_ONE + HOUR, "delivered", "open", "click")
    await world.is_sent("onboarding", "u-0", DAY_ONE + 2 * HOUR, "delivered", "open")
    await world.is_sent("onboarding", "u-1", DAY_ONE + HOUR, "delivered", "open*")
    await world.is_sent("onboarding", "u-2", DAY_ONE + HOUR, "bounce")
    await world.is_sent("onboarding", "u-3", DAY_ONE + HOUR, status="withheld", reason="cap: 1 a week rolling")
    await world.is_sent("onboarding", "u-5", DAY_ONE - DAY, "delivered", "open", "click")
    await world.is_sent("post_purchase", "u-4", DAY_ONE + HOUR, "delivered", "open", "click")
    await world.does("u-0", "Product Added", DAY_ONE + 7 * DAY)
    await world.does("u-1", "Order Completed", DAY_ONE + HOUR / 2)
    await world.does("u-2", "Order Completed", DAY_ONE + 8 * DAY)
    await world.does("u-3", "Order Completed", DAY_ONE + 2 * HOUR)
    (found,) = (await world.report()).funnels
    assert (found.entered, found.held, found.sent, found.delivered, found.opened, found.clicked, found.reached) == (
        *(6, 1, 3, 2, 1, 1),
        1,
    )
    assert not (await world.report("2026-03-04")).funnels


async def test_in_app(world: World) -> None:
    """A message inside the site is delivered when it is kept, opened when it was read or clicked, clicked by its own event.

    Killed by: asking the provider's words for it, or taking a click on one message for one on another.
    """
    people = ("read", "clicked", "neither")
    keys = {user: await world.is_sent("onboarding", user, DAY_ONE, channel="in_app") for user in people}
    async with world.database.write() as connection:
        await connection.exec_driver_sql(f"UPDATE outbox SET read_at = sent_at WHERE send_key = '{keys['read']}'")
    facts = {"template": "cart/still_here", "send_key": keys["clicked"]}
    await world.does("clicked", "In-App Message Clicked", DAY_ONE + HOUR, **facts)
    await world.does("neither", "In-App Message Clicked", DAY_ONE + HOUR, **facts)
    (found,) = (await world.report()).mailings
    assert (found.channel, found.sent, found.delivered, found.opened, found.clicked) == ("in_app", 3, 3, 2, 1)


async def test_messages(world: World) -> None:
    """Every message of these days is counted once, under what it has come to, whatever was told of it how often.

    Killed by: counting the rows of a join with what providers told.
    """
    at = DAY_ONE + HOUR
    await world.is_sent("onboarding", "u-0", at, "processed", "delivered", "open", "open*", "click")
    for status in ("withheld", "refused", "unknown", "held", "claimed"):
        await world.is_sent("onboarding", "u-0", at, "delivered", status=status)
    await world.is_sent("onboarding", "u-0", at - 30 * DAY)
    await world.is_sent("onboarding", "u-0", at, channel="push", provider="firebase")
    email, push = (await world.report()).mailings
    assert vars(email) == {
        "journey": "onboarding", "channel": "email", "sent": 1, "delivered": 1, "opened": 1, "clicked": 1,
        "withheld": 1, "refused": 1, "unknown": 1, "waiting": 2,
    }  # fmt: skip
    assert (push.sent, push.delivered, push.opened) == (1, 0, 0)


async def test_where_people_are(world: World) -> None:
    """Messages are counted at their place in the code, once and again alike, and people in the journey behind their newest one.

    Killed by: counting "#2" as another place, messages of other days, or people whose pass is over.
    """
    at, step = DAY_ONE + HOUR, "in_app|email cart/still_here"
    await world.is_sent("onboarding", "u-0", at, step=step)
    await world.is_sent("onboarding", "u-1", at, step=f"{step} #2", status="withheld", reason="cap")
    await world.is_sent("onboarding", "u-2", at, step=step, status="held")
    await world.is_sent("onboarding", "u-3", at - 40 * DAY, step="email cart/last_call")
    await world.is_sent("onboarding", "u-4", at, step="email cart/last_call", entry_id="e-0")
    async with world.database.write() as connection:
        for user in ("u-0", "u-3", "u-4", "u-5"):
            run = OpenRun(Place("onboarding", user, ""), "e-1", 1, "r", "open", 1, at)
            await put_run(world.database, connection, run)
    report = await world.report()
    assert [(each.step, each.sent, each.withheld, each.waiting, each.now) for each in report.steps] == [
        ("email cart/last_call", 1, 0, 0, 1),
        ("in_app or email cart/still_here", 1, 1, 1, 1),
    ]
    assert [(each.people, each.before) for each in report.inside] == [(4, 2)]
    pictures = dict(places.pictures(report, {"onboarding": CHART}))
    assert "1 sent · 1 withheld · 1 waiting · 1 here now" in pictures["onboarding"]
    assert "2 before the first message" in pictures["onboarding"]


async def test_why_withheld(world: World) -> None:
    """Reasons are counted as the ledger has them; which event ended a journey is told to nobody, so that they are few.

    Killed by: grouping by the reason with its event id.
    """
    for number in range(3):
        reason = f"ended by Order Completed (e-{number})"
        await world.is_sent("onboarding", f"u-{number}", DAY_ONE, status="withheld", reason=reason)
    await world.is_sent("onboarding", "u-0", DAY_ONE, status="withheld", reason="cap: 5 a week rolling")
    found = (await world.report()).withheld
    assert [(each.reason, each.messages) for each in found] == [
        ("ended before it could be sent", 3),
        ("cap: 5 a week rolling", 1),
    ]


async def test_latency(world: World) -> None:
    """Half of the messages and 99 of 100 took no longer than is said, of those that had nothing to wait for.

    Killed by: counting those without a time as zero, or the 98th of 100.
    """
    for took in [*range(1, 100), 5000, None]:
        await world.is_sent("onboarding", "u", DAY_ONE, took_ms=took)
    (found,) = (await world.report()).latencies
    assert (found.messages, found.p50, found.p99, found.longest) == (100, 50, 99, 5000)


async def test_fatigue(world: World) -> None:
    """People by how much they got, and who had enough after it: within the window, not before, each once.

    Killed by: counting words in place of people, calls of programs as messages, or words before the first message.
    """
    for user, count in {"one": 1, "two": 2, "left": 2, "late": 2, "before": 1}.items():
        for number in range(count):
            journey = ("onboarding", "post_purchase")[number]
            await world.is_sent(journey, user, DAY_ONE + number * DAY)
    await world.is_sent("onboarding", "one", DAY_ONE + HOUR, channel="webhook")
    await world.does("left", "Unsubscribed", DAY_ONE + 7.5 * DAY)
    await world.does("left", "Email Marked as Spam", DAY_ONE + 7.6 * DAY)
    await world.does("late", "Unsubscribed", DAY_ONE + 8.5 * DAY)
    await world.does("before", "Unsubscribed", DAY_ONE - HOUR)
    report = await world.report()
    assert [(each.messages, each.people, each.left) for each in report.fatigue] == [(1, 2, 0), (2, 3, 1)]
    assert [(each.journey, each.people, each.left) for each in report.leaving] == [
        ("onboarding", 5, 0),
        ("post_purchase", 3, 1),
    ]


@pytest.mark.parametrize("name", ["cart subject", 'a "quoted" 100%_\\ name', "ünï'code"])
async def test_variants(world: World, name: str) -> None:
    """Arms are those drawn at the entry, each beside the first of the code; who takes part in another experiment of the
    group is in none, and a person counts with the first pass of the experiment, not of the journey.

    Killed by: counting the empty arm, the name as a pattern, or the first pass of all.
    """
    known = world.catalogue["cart_abandonment"]
    experiment = Experiment(name, {"plain": 50, "bold": 50, "closed": 0})
    world.catalogue = Catalogue([replace(known, experiments=(experiment,))])
    await world.enters("cart_abandonment", "early", DAY_ONE - DAY, name="Cart Updated", key="c-0", cart_id="c-0")
    people = {"early": "plain", "p-1": "plain", "b-1": "bold", "b-2": "bold", "gone": "former"}
    for user, arm in people.items():
        await world.enters("cart_abandonment", user, arms={name: arm, "other": "plain"}, **CART)  # type: ignore[arg-type]
    await world.enters("cart_abandonment", "none", arms={name: "", "other": "bold"}, **CART)  # type: ignore[arg-type]
    await world.enters("cart_abandonment", "else", arms={"other": "bold"}, **CART)  # type: ignore[arg-type]
    await world.does("b-1", "Order Completed", DAY_ONE + 2 * HOUR, value="12", currency="EUR")
    report = await world.report()
    assert [(each.arm, each.mine.seen, each.mine.hits, each.is_baseline) for each in report.variants] == [
        ("plain", 2, 0, True),
        ("bold", 2, 1, False),
        ("former", 1, 0, False),
    ]
    assert report.variants[1].reading == "no difference shown yet"
    assert report.variants[1].always_more_paid("EUR").value == 6
    assert not report.lifts


def test_several_arms() -> None:
    """With more arms each is judged more strictly, and what is shown is said in a word, also of many people.

    Killed by: the level of two arms for all, or reading the interval for who looks once.
    """
    groups = {"a": Group(4000, 4000, 400), "b": Group(4000, 4000, 560), "c": Group(4000, 4000, 440)}
    first, better, _ = compared("j", "x", groups, {"a": 1, "b": 1, "c": 1})
    assert (first.reading, better.reading) == ("compared with", "more")
    assert better.level == pytest.approx(0.975)
    alone = compared("j", "x", {"a": groups["a"], "c": groups["c"]}, {"a": 1, "c": 1})[1]
    assert alone.level == 0.95
    assert alone.reading == "no difference shown yet"
    less = compared("j", "x", {"a": groups["b"], "b": groups["a"]}, {"a": 1, "b": 1})[1]
    assert less.reading == "less"
    odd = compared("j", "x", {"a": groups["a"], "b": Group(5000, 5000, 560)}, {"a": 1, "b": 1})[1]
    assert odd.is_lopsided


async def test_every_table_tells_how(world: World) -> None:
    """An empty shop has a report, in which each table says how it is counted and why it is empty; so has one with people.

    Killed by: a figure that cannot be written, or a table without a word on itself.
    """
    world.catalogue = held_out(world.catalogue, 50, "onboarding")
    for table in tables_of(await world.report()):
        assert len(table.counted) > 40
        assert table.empty
        assert table.written() == [[column.name for column in table.columns]]
    for user, drawn in (("a", LET_IN), ("b", HELD)):
        await world.enters("onboarding", user, drawn=drawn)
    tables = {table.name: table for table in tables_of(await world.report())}
    (row,) = tables["lift"].rows
    facts = dict(zip((column.name for column in tables["lift"].columns), row, strict=True))
    assert (facts["goal_is"], facts["let_in_watched"], facts["let_in_rate"]) == (
        "Product Added or Order Completed",
        1,
        0,
    )
    assert said(facts["lift"], "relative") == "–"
    assert all(len(line) == len(table.columns) for table in tables.values() for line in table.written())
