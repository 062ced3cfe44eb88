"""The pages that people open, in a real browser: the outbox, and the way out of a topic."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from profiles.unsubscribe_links import UnsubscribeLinks
from service import Service, serving
from storage.consents import consents_of
from tests.door import somebody
from tests.servers import free_port
from tests.stage import Stage

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; on Debian: apt install chromium")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium, without a look at the network."""
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield running
        await running.close()


@pytest_asyncio.fixture
async def address(stage: Stage) -> AsyncIterator[str]:
    """The front door of a stage."""
    settings = stage.settings.model_copy(update={"port": free_port(), "write_keys": "key"})
    service = Service(settings, stage.database, stage.client, stage.catalogue, stage.acceptor, stage.relay)
    async with serving(service):
        yield f"http://{settings.host}:{settings.port}"


async def test_outbox(stage: Stage, address: str, browser: Browser) -> None:
    """The outbox shows an email as it would look, in a frame of its own, to whoever looks for that person."""
    reader = somebody()
    await stage.knows(reader, firstName="Ada")
    await stage.happens(stage.event(reader, "Signed Up"))
    await stage.sent(reader)
    page = await browser.new_page()
    await page.goto(f"{address}/outbox?user={reader}")
    frame = page.frame_locator("iframe").first
    assert "Ada" in await frame.locator("body").inner_text()
    sandbox = await page.locator("iframe").first.get_attribute("sandbox")
    assert sandbox is not None
    assert "allow-scripts" not in sandbox
    await page.goto(f"{address}/outbox?user=somebody-else")
    assert await page.locator("iframe").count() == 0
    await page.close()


async def test_unsubscribe(stage: Stage, address: str, browser: Browser) -> None:
    """Opening the link in a marketing email changes nothing; pressing its button ends that topic, and no other."""
    leaver = somebody()
    await stage.knows(leaver)
    link = UnsubscribeLinks(stage.settings.secret_key(), address).link(leaver, "email", "carts")
    page = await browser.new_page()
    await page.goto(link)
    async with stage.database.read() as connection:
        assert (await consents_of(connection, leaver)).refused == frozenset()
    await page.get_by_role("button").click()
    await page.get_by_role("heading", name="You are unsubscribed").wait_for()
    async with stage.database.read() as connection:
        assert (await consents_of(connection, leaver)).refused == {("email", "carts")}
    await page.goto(link[:-1] + ("A" if link[-1] != "A" else "B"))
    assert "not valid" in await page.inner_text("h1")
    await page.close()


async def test_outbox_from_afar(address: str) -> None:
    """From another machine the outbox, which shows people's messages, opens only with the write key."""
    from_afar = {"X-Forwarded-For": "203.0.113.9"}
    async with httpx.AsyncClient(trust_env=False, headers=from_afar) as http:
        refused = await http.get(f"{address}/outbox")
        assert refused.status_code == 401
        assert "Basic" in refused.headers["www-authenticate"]
        assert (await http.get(f"{address}/outbox", auth=("key", ""))).status_code == 200
