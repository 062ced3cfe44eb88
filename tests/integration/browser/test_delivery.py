"""Nothing that a visitor did is lost, and nothing counts twice: while the page is left, offline, in several tabs."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from playwright.async_api import Page

from tests.browsing import Shop, needs_browser
from tests.servers import wait_until

pytestmark = needs_browser
ROUNDS = 8
KEPT = """() => Object.entries({...localStorage}).filter(([key]) => key.startsWith('journeyman.event.')).sort()
    .map(([, text]) => JSON.parse(text))"""


async def kept(page: Page) -> list[str]:
    """The ids of the events that wait in the browser, oldest first."""
    return [event["messageId"] for event in await page.evaluate(KEPT)]


async def closed(page: Page) -> None:
    """Close it as a person does, so that it learns of it."""
    async with page.expect_event("close"):
        await page.close(run_before_unload=True)


@pytest.mark.parametrize("how", ["followed a link", "closed"])
async def test_leaving(shop: Shop, how: str) -> None:
    """What is done in the very moment in which a page is left arrives once, though nobody ever comes back to the shop.

    Killed by: not listening for pagehide and visibilitychange.
    """
    for number in range(ROUNDS):
        page = await shop.visit()  # somebody new each time: nobody's next visit can bring it
        said = f"for (const step of [1, 2, 3]) journeyman('track', 'Step', {{number: {number}, step}});"
        if how == "closed":
            await page.evaluate(said)
            await closed(page)
        else:
            await page.evaluate(said + "location.href = '/elsewhere';")
    rows = await shop.events("Step", count=3 * ROUNDS)
    found = [(row.properties["number"], row.properties["step"]) for row in rows]
    assert sorted(found) == [(number, step) for number in range(ROUNDS) for step in (1, 2, 3)]


async def test_twice_by_the_same_id(shop: Shop) -> None:
    """What a beacon took while the tab was hidden is said again when it is shown, by the same ids, until it was answered.

    Killed by: forgetting an event that a beacon took, or giving it a new id.
    """
    page = await shop.visit()

    async def nothing_left() -> bool:
        return await kept(page) == []

    await shop.events(count=1)
    await wait_until(nothing_left, 20)
    await page.evaluate(
        """() => {
            window.bodies = [];
            const fetched = window.fetch, sent = navigator.sendBeacon.bind(navigator);
            window.fetch = (url, more) => (bodies.push(more.body), fetched(url, more));
            navigator.sendBeacon = (url, body) => (bodies.push(body), sent(url, body));
            Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});
            journeyman('track', 'One');
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    (row,) = await shop.events("One", count=1)
    assert await kept(page) == [row.event_id]

    await wait_until(nothing_left, 20)
    told = [json.loads(body)["batch"] for body in await page.evaluate("bodies")]
    assert [[event["messageId"] for event in batch] for batch in told] == [[row.event_id], [row.event_id]]
    await shop.events("One", count=1)


async def test_offline(shop: Shop) -> None:
    """What is done offline is kept by the browser, also when its tab is closed, and told later: by the same ids, in order,
    with the moment at which it was done.

    Killed by: keeping events in memory alone, or the time of sending as their timestamp.
    """
    visitor = await shop.visitor()
    await visitor.clock.install()
    page = await shop.visit(by=visitor)
    await shop.events(count=1)
    await visitor.set_offline(True)
    await page.evaluate("for (const number of [0, 1, 2]) journeyman('track', 'Offline', {number});")
    await visitor.clock.fast_forward(60 * 60 * 1000)
    await page.evaluate("journeyman('track', 'Offline', {number: 3})")
    ids = await kept(page)
    assert len(ids) == 4
    await closed(page)
    await visitor.set_offline(False)
    assert len(await shop.events()) == 1
    await shop.visit("/next", by=visitor)
    rows = await shop.events("Offline", count=4)
    assert [row.event_id for row in rows] == ids
    assert [row.properties["number"] for row in rows] == [0, 1, 2, 3]
    assert timedelta(minutes=59) < rows[3].occurred_at - rows[2].occurred_at < timedelta(minutes=61)
    assert shop.problems == []


async def test_online_again(shop: Shop) -> None:
    """As soon as the browser is online again, all is told without anybody doing anything; of very many events the oldest
    five hundred are not kept.

    Killed by: not listening for `online`, or no MOST.
    """
    visitor = await shop.visitor()
    page = await shop.visit(by=visitor)
    await shop.events(count=1)
    await visitor.set_offline(True)
    await page.evaluate("for (let number = 0; number < 520; number++) journeyman('track', 'Offline', {number});")
    assert len(await kept(page)) == 500
    await visitor.set_offline(False)
    rows = await shop.events("Offline", count=500)
    assert [row.properties["number"] for row in rows] == [*range(20, 520)]
    await wait_until(lambda: page.evaluate(f"!({KEPT})().length"), 20)


async def test_the_front_door_is_away(closed_shop: Shop) -> None:
    """While the front door is away events wait, and come in order once it is there, without a new visit.

    Killed by: not trying again after a failure.
    """
    shop = closed_shop
    async with shop.opened():
        page = await shop.visit()
        await shop.events(count=1)
    await page.evaluate("for (const number of [0, 1, 2]) journeyman('track', 'Away', {number});")
    ids = await kept(page)
    assert len(ids) == 3
    async with shop.opened():
        assert [row.event_id for row in await shop.events("Away", count=3)] == ids
        await shop.leave()


async def test_refused(shop: Shop) -> None:
    """What the front door will never take is given up and named on the console, and harms nothing that came with it or after.

    Killed by: keeping what was answered with 400.
    """
    page = await shop.visit()
    await shop.events(count=1)
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text))
    for verb in ("'Zone Changed'", "'Product Added', {quantity: -1}"):
        await page.evaluate(f"journeyman('track', {verb})")
        await wait_until(lambda: page.evaluate(f"!({KEPT})().length"))
    await page.evaluate("journeyman('track', 'Zone Changed'); journeyman('track', 'One')")
    await shop.events("One", count=1)
    await wait_until(lambda: page.evaluate(f"!({KEPT})().length"))
    assert any("quantity" in text for text in warnings)
    assert len(await shop.events()) == 2


async def test_tabs(shop: Shop) -> None:
    """Several tabs of one visitor lose nothing of each other, and are one visitor.

    Killed by: one key for all events.
    """
    visitor = await shop.visitor()
    first = await shop.visit(by=visitor)
    await shop.events(count=1)
    pages = [first, await shop.visit(by=visitor), await shop.visit(by=visitor)]
    said = "tab => { for (let number = 0; number < 40; number++) journeyman('track', 'Tab', {tab, number}); }"
    await asyncio.gather(*(page.evaluate(said, tab) for tab, page in enumerate(pages)))
    rows = await shop.events("Tab", count=120)
    assert len({(row.properties["tab"], row.properties["number"]) for row in rows}) == 120
    assert len({row.anonymous_id for row in rows}) == 1
    await wait_until(lambda: first.evaluate(f"!({KEPT})().length"))


@pytest.mark.parametrize("how", ["get() { throw new DOMException('no', 'SecurityError'); }", "value: undefined"])
async def test_without_storage(shop: Shop, how: str) -> None:
    """Where the browser gives no storage, everything works for as long as the page lives.

    Killed by: calling localStorage without `local`.
    """
    visitor = await shop.visitor()
    await visitor.add_init_script(f"Object.defineProperty(window, 'localStorage', {{{how}}})")
    page = await shop.visit(by=visitor)
    await page.evaluate("journeyman('track', 'One'); journeyman('identify', 'u-1'); journeyman('track', 'Two')")
    one, two = await shop.events("One", "Two", count=2)
    assert one.anonymous_id == two.anonymous_id
    assert (one.user_id, two.user_id) == ("u-1", "u-1")
    assert shop.problems == []
