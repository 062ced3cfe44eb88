"""One script tag in a page: what the visitor does is in the database, as theirs, from whatever device they hold."""

from __future__ import annotations

from tests.browsing import Shop, needs_browser, told
from tests.servers import wait_until

pytestmark = needs_browser


async def test_one_tag(shop: Shop) -> None:
    """With one script tag the front door has the visitor's pages and events, in order, with device, zone and referrer; no
    request needs leave first (a preflight), and nothing is wrong on the console.

    Killed by: `context` left out of the body in `batch`, or sending with the content type application/json.
    """
    page = await shop.visit(
        "/tents", timezone_id="Asia/Tokyo", user_agent="Mozilla/5.0 (X11; Linux x86_64) Chrome/149.0.0.0 Safari/537.36"
    )
    await page.evaluate(
        """() => {
            journeyman('track', 'Product Viewed', {product_id: 'p-1', name: 'Tent', price: 59.9});
            journeyman('identify', 'u-42', {firstName: 'Ada'});
            journeyman('track', 'File Downloaded', {file_name: 'a.pdf'});
            journeyman('page', 'Basket', {category: 'checkout'});
        }"""
    )
    rows = await shop.events(count=5)
    assert told(rows) == [
        (name, "u-42") for name in ("Page Viewed", "Product Viewed", "Identified", "File Downloaded", "Page Viewed")
    ]
    first, viewed, _, _, last = rows
    assert first.properties["path"] == "/tents"
    assert first.properties["title"] == "Shop /tents"
    assert viewed.properties["name"] == "Tent"
    assert last.properties["category"] == "checkout"
    assert {row.anonymous_id for row in rows} == {first.anonymous_id}
    assert first.anonymous_id
    assert first.context["device"] == {"kind": "desktop", "os": "Linux", "browser": "Chrome"}
    assert first.context["location"]["zone"] == "Asia/Tokyo"
    assert "OPTIONS" not in {method for method, _ in shop.requests}
    assert shop.problems == []


async def test_somebody_else(shop: Shop) -> None:
    """Who logs in after somebody else on the same device starts anew, and so does who logged out; a number is an id as well.

    Killed by: leaving `reset` out of `identify`.
    """
    page = await shop.visit()
    await page.evaluate(
        """() => {
            journeyman('identify', 7);
            journeyman('track', 'One');
            journeyman('identify', 'u-8', {plan: 'x'});
            journeyman('track', 'Two');
            journeyman('reset');
            journeyman('track', 'Three');
            journeyman('identify', {plan: 'y'});
        }"""
    )
    one, two, three = await shop.events("One", "Two", "Three", count=3)
    assert [one.user_id, two.user_id, three.user_id] == ["7", "u-8", None]
    assert len({one.anonymous_id, two.anonymous_id, three.anonymous_id}) == 3
    assert [row.user_id for row in await shop.events("Identified", count=3)] == ["7", "u-8", None]


async def test_before_it_is_loaded(shop: Shop) -> None:
    """What a page says before an asynchronous script has loaded is not lost, and the script counts once if it is there twice.

    Killed by: leaving `waiting` out, or the first line of options.js.
    """
    stub = "window.journeyman = function () { (journeyman.q = journeyman.q || []).push(arguments); };"
    tag = shop.tag("async")
    shop.website.head = f"<script>{stub} journeyman('identify', 'u-1'); journeyman('track', 'One');</script>{tag}{tag}"
    await shop.visit()
    assert told(await shop.events(count=3)) == [("Identified", "u-1"), ("One", "u-1"), ("Page Viewed", "u-1")]


async def test_a_session(shop: Shop) -> None:
    """A session is one as long as the visitor does something every half hour, also over several pages; then it is another.

    Killed by: not writing the time of the last event.
    """
    visitor = await shop.visitor()
    await visitor.clock.install()
    page = await shop.visit(by=visitor)
    for number in range(3):
        await visitor.clock.fast_forward(20 * 60 * 1000)
        await page.evaluate("number => journeyman('track', 'Sign', {number})", number)
    await page.goto(f"{shop.website.origin}/other")
    await visitor.clock.fast_forward(31 * 60 * 1000)
    await page.evaluate("journeyman('track', 'Sign', {number: 3})")
    rows = await shop.events(count=6)
    sessions = [row.properties["session_id"] for row in rows]
    assert sessions[:5] == [sessions[0]] * 5
    assert sessions[5] != sessions[0]


async def test_harmless(shop: Shop) -> None:
    """Nothing that a page says to the script throws into the page; elements are left out, and what is no JSON is named.

    Killed by: calling verbs without `attempt`, or leaving Node out of what is skipped.
    """
    page = await shop.visit()
    await page.evaluate(
        """() => {
            const ring = {}; ring.ring = ring;
            document.body.fibre = ring;
            journeyman('track', 'Click', {element: document.body, place: 'top'});
            journeyman('track', 'Ring', ring);
            journeyman('tarck', 'Typo');
            journeyman('track', 'Large', {text: 'é'.repeat(20000)});
            journeyman('track', 'Last');
        }"""
    )
    rows = await shop.events(count=3)
    assert [row.name for row in rows] == ["Page Viewed", "Click", "Last"]
    assert rows[1].properties.keys() == {"place", "session_id"}
    await wait_until(lambda: len(shop.problems) >= 3)
    assert len(shop.problems) == 3
    assert all("journeyman:" in problem for problem in shop.problems)


async def test_a_strict_policy(shop: Shop) -> None:
    """The script needs of a Content-Security-Policy only that the front door may be loaded from and spoken to.

    Killed by: using eval, or a style attribute, in the source.
    """
    door = shop.settings.front_door
    shop.website.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {door}; connect-src {door}; require-trusted-types-for 'script'"
    )
    page = await shop.visit()
    await page.evaluate("journeyman('track', 'One')")
    await shop.events(count=2)
    assert shop.problems == []
