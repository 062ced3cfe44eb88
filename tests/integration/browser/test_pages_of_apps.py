"""Which pages count as seen, also where a page changes its address by itself."""

from __future__ import annotations

from tests.browsing import Shop, needs_browser

pytestmark = needs_browser


async def test_a_page_that_changes_its_address(shop: Shop) -> None:
    """Each address that an app of one page shows is a page view, with its title and the one before it as referrer; the same
    address again is none, and neither is a place within a page. Queries are not told: they may hold anything.

    Killed by: not looking at replaceState, counting each call of it, or telling location.href.
    """
    page = await shop.visit("/?token=secret")
    await page.evaluate(
        """async () => {
            const turn = () => new Promise((done) => setTimeout(done, 5));
            history.pushState({}, '', '/tents?q=secret'); document.title = 'Tents'; await turn();
            history.replaceState({}, '', '/tents?q=secret'); await turn();
            location.hash = 'reviews'; await turn();
            history.replaceState({}, '', '/boots'); document.title = 'Boots'; await turn();
            history.pushState({}, '', '/app#/cart/1?key=secret'); await turn();
            const back = new Promise((done) => addEventListener('popstate', done, {once: true}));
            history.back(); await back; await turn();
        }"""
    )
    rows = await shop.events("Page Viewed", count=5)
    assert [row.properties["path"] for row in rows] == ["/", "/tents", "/boots", "/app#/cart/1", "/boots"]
    assert [row.properties["title"] for row in rows][:3] == ["Shop /", "Tents", "Boots"]
    origin = shop.website.origin
    referrers = [row.properties["referrer"] for row in rows]
    assert referrers == ["", f"{origin}/", f"{origin}/tents", f"{origin}/boots", f"{origin}/app"]
    assert "secret" not in await shop.door.everything()


async def test_where_somebody_came_from(shop: Shop) -> None:
    """The host that a visitor came from is known to journeys.

    Killed by: leaving `referrer` out of the context.
    """
    page = await shop.visit("/elsewhere")
    await page.evaluate("() => { location.href = '/landing'; }")
    (row,) = await shop.events("Page Viewed", count=1)
    assert row.context["referrer"] == "127.0.0.1"


async def test_page_views_off(shop: Shop) -> None:
    """A page that tells its views itself says so, and nothing is counted twice.

    Killed by: watching in any case.
    """
    shop.website.head = shop.tag('data-page-views="off"')
    page = await shop.visit()
    await page.evaluate("history.pushState({}, '', '/tents'); journeyman('page', 'Tents')")
    (row,) = await shop.events(count=1)
    assert (row.name, row.properties["path"]) == ("Page Viewed", "/tents")


async def test_form_factor(shop: Shop) -> None:
    """What the browser tells of the device when it is asked comes with the first event: a tablet is one, though it asks for
    pages as a desktop does.

    Killed by: not waiting for what `getHighEntropyValues` answers, or leaving it out of the body.
    """
    visitor = await shop.visitor()
    page = await visitor.new_page()
    devtools = await visitor.new_cdp_session(page)
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36"
    hints = {"platform": "Linux", "platformVersion": "", "architecture": "", "model": "", "mobile": False}
    told = {"userAgent": agent, "userAgentMetadata": hints | {"formFactors": ["Tablet"]}}
    await devtools.send("Emulation.setUserAgentOverride", told)
    await page.goto(shop.website.origin)
    (row,) = await shop.events(count=1)
    assert row.context["device"] == {"kind": "tablet", "os": "Linux", "browser": "Chrome"}
