"""Nothing of a visitor is kept or told who did not agree, where the page says that they have to."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.browsing import Shop, needs_browser, told

pytestmark = needs_browser
ASKING = 'data-consent="required"'
LEFT = """async () => [Object.keys({...localStorage}), Object.keys({...sessionStorage}), document.cookie,
    (await indexedDB.databases()).length, (await caches.keys()).length]"""
NOTHING = [[], [], "", 0, 0]


def told_to(shop: Shop) -> list[tuple[str, str]]:
    """What the front door was asked, but for the script."""
    return [each for each in shop.requests if not each[1].startswith("/js/")]


async def busy(page: Page) -> None:
    """Do all that a visitor may do, and go."""
    await page.evaluate(
        """() => {
            journeyman('track', 'One');
            journeyman('identify', 'u-1');
            journeyman('inbox', 'a token');
            history.pushState({}, '', '/other');
            dispatchEvent(new Event('pagehide'));
        }"""
    )
    # Half a second of the page's own time: ten times as long as an event waits before it is told.
    await page.evaluate("new Promise((done) => setTimeout(done, 500))")


async def test_nothing_before_consent(shop: Shop) -> None:
    """Where consent is required nothing is kept by the browser and nothing is told before it is given, and what was done on
    the page meanwhile is told then; on the next page it holds.

    Killed by: writing before the answer, or flushing without asking `consent`.
    """
    shop.website.head = shop.tag(ASKING)
    page = await shop.visit()
    await busy(page)
    assert await page.evaluate(LEFT) == NOTHING
    assert told_to(shop) == []
    await page.evaluate("journeyman('consent', true)")
    rows = await shop.events(count=4)
    assert [row.name for row in rows] == ["Page Viewed", "One", "Identified", "Page Viewed"]
    await page.goto(f"{shop.website.origin}/next")
    rows = await shop.events(count=5)
    assert {row.anonymous_id for row in rows} == {rows[0].anonymous_id}
    assert rows[4].user_id == "u-1"


async def test_refused(shop: Shop) -> None:
    """Who says no leaves no trace, in the browser or at the front door, whatever they do on the page afterwards.

    Killed by: keeping in memory what happens after a no, and telling it later.
    """
    shop.website.head = shop.tag(ASKING)
    page = await shop.visit()
    await page.evaluate("journeyman('consent', false)")
    await busy(page)
    assert await page.evaluate(LEFT) == NOTHING
    assert told_to(shop) == []
    await page.evaluate("journeyman('consent', true); journeyman('track', 'Two')")
    assert [row.name for row in await shop.events(count=1)] == ["Two"]


async def test_withdrawn(shop: Shop) -> None:
    """Who takes their consent back has an empty browser at once, in every tab; what they do then is not told, and if they
    agree again they are somebody new.

    Killed by: forgetting the ids alone, or holding what was agreed in a variable.
    """
    shop.website.head = shop.tag(ASKING)
    visitor = await shop.visitor()
    page, other = await shop.visit(by=visitor), await shop.visit(by=visitor)
    await page.evaluate("journeyman('consent', true); journeyman('identify', 'u-1')")
    await other.evaluate("journeyman('track', 'Agreed')")
    await shop.events("Identified", count=1)
    await shop.events("Agreed", count=1)
    first = (await shop.events())[0].anonymous_id
    await visitor.set_offline(True)
    await page.evaluate("journeyman('track', 'Not told yet')")
    await page.evaluate("journeyman('consent', false)")
    await visitor.set_offline(False)
    assert await page.evaluate(LEFT) == NOTHING
    asked = len(told_to(shop))
    await busy(page)
    await busy(other)
    assert await page.evaluate(LEFT) == NOTHING
    assert len(told_to(shop)) == asked
    await page.reload()
    await page.evaluate("journeyman('consent', true); journeyman('track', 'Again')")
    (row,) = await shop.events("Again", count=1)
    assert row.anonymous_id != first
    assert row.user_id is None
    await shop.events("Not told yet", count=0)


async def test_opting_out(shop: Shop) -> None:
    """Where nobody has to be asked, who says no is left alone on every later page; all that is kept is that they said it.

    Killed by: not keeping the no.
    """
    page = await shop.visit()
    await shop.events(count=1)
    await page.evaluate("journeyman('consent', false)")
    await page.goto(f"{shop.website.origin}/next")
    asked = len(told_to(shop))
    await busy(page)
    assert await page.evaluate("JSON.stringify({...localStorage})") == '{"journeyman.consent":"no"}'
    assert len(told_to(shop)) == asked


@pytest.mark.parametrize("signal", ["globalPrivacyControl: {value: true}", "doNotTrack: {value: '1'}"])
async def test_signals(shop: Shop, signal: str) -> None:
    """Global Privacy Control and Do Not Track count as "ask first" where the page says that they do, and not elsewhere.

    Killed by: leaving one of the two out of `signals`.
    """
    visitor = await shop.visitor()
    await visitor.add_init_script(f"Object.defineProperties(navigator, {{{signal}}})")
    shop.website.head = shop.tag("data-respect-signals")
    page = await shop.visit(by=visitor)
    await busy(page)
    assert await page.evaluate(LEFT) == NOTHING
    assert told_to(shop) == []
    shop.website.head = shop.tag()
    await shop.visit("/plain", by=visitor)
    assert told(await shop.events(count=1)) == [("Page Viewed", None)]
    shop.website.head = shop.tag("data-respect-signals")
    somebody = await shop.visit("/without")
    await shop.events(count=2)
    assert await somebody.evaluate("localStorage.length") > 0
