"""Segment's own script for browsers, as npm has it, pointed at our front door as the guide says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests import npm
from tests.browsing import PAGE_KEY, Shop, needs_browser, shop_in
from tests.docs.blocks import blocks
from tests.servers import wait_until

pytestmark = needs_browser
(GUIDE,) = (block.text for block in blocks("segment.md") if block.file == "browser.js")
IMPORT = 'import { AnalyticsBrowser } from "@segment/analytics-next";\n'


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return npm.installed(tmp_path_factory)


@pytest_asyncio.fixture
async def shop(browser: Browser, packages: Path, tmp_path: Path) -> AsyncIterator[Shop]:
    """A website that has Analytics.js on its pages, and nothing of ours."""
    umd = packages / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
    async with shop_in(browser, tmp_path, scripts=umd) as shop, shop.opened():
        shop.website.head = '<script src="/scripts/index.js"></script>'
        yield shop
        await shop.leave()


async def test_the_guide(shop: Shop) -> None:
    """What Analytics.js tells by the guide's lines arrives once and in order, as one person's, from a browser of theirs; and
    nobody else is told.

    Killed by: refusing preflight requests, or the paths of one letter.
    """
    assert IMPORT in GUIDE
    door = urlsplit(shop.settings.front_door)
    script = GUIDE.replace(IMPORT, "const { AnalyticsBrowser } = AnalyticsNext;\n").replace("export ", "")
    script = (
        script.replace("events.example.com", door.netloc).replace('"https"', '"http"').replace("PAGE_KEY", PAGE_KEY)
    )
    visitor = await shop.visitor(timezone_id="Asia/Tokyo")
    asked: set[str] = set()
    visitor.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    page = await shop.visit("/tents", by=visitor)
    await page.evaluate(f"() => {{ {script}; window.analytics = analytics; }}")
    rows = await shop.events(count=4)
    assert sorted(row.name for row in rows) == ["Cart Updated", "Identified", "Page Viewed", "Product Added"]
    assert {row.user_id for row in rows} == {"u-42"}
    assert len({row.anonymous_id for row in rows}) == 1
    added, viewed = (next(row for row in rows if row.name == name) for name in ("Product Added", "Page Viewed"))
    assert added.properties["product_id"] == "p-1"
    assert viewed.properties["path"] == "/tents"
    assert viewed.context["device"]["os"] == "Linux"
    assert viewed.context["location"]["zone"] == "Asia/Tokyo"
    await wait_until(lambda: door.netloc in asked)  # the browser tells of its requests in its own time
    assert asked == {door.netloc, urlsplit(shop.website.origin).netloc}
    assert {path for method, path in shop.requests if method == "POST"} == {"/v1/i", "/v1/t", "/v1/p"}
    assert shop.problems == []


async def test_offline(shop: Shop) -> None:
    """What Analytics.js keeps while the browser is offline arrives once when it is online again.

    Killed by: refusing preflight requests.
    """
    settings = f"{{apiKey: '{PAGE_KEY}', apiHost: '{urlsplit(shop.settings.front_door).netloc}/v1', protocol: 'http'}}"
    page = await shop.visit()
    await page.evaluate(
        f"""() => {{ window.analytics = AnalyticsNext.AnalyticsBrowser.load({{writeKey: '{PAGE_KEY}',
            cdnSettings: {{integrations: {{'Segment.io': {settings}}}, metrics: {{sampleRate: 0}}}}}}); }}"""
    )
    await page.evaluate("analytics.track('Before')")
    await shop.events("Before", count=1)
    await page.context.set_offline(True)
    await page.evaluate("() => { for (const number of [0, 1, 2]) analytics.track('Offline', {number}); }")
    await page.context.set_offline(False)
    rows = await shop.events("Offline", count=3)
    assert sorted(row.properties["number"] for row in rows) == [0, 1, 2]
