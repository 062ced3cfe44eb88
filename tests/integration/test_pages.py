"""The pages that people open, in a real browser: the outbox, and the way out of a topic."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from profiles.unsubscribe_links import UnsubscribeLinks
from service import Service, serving
from storage.consents import consents_of
from tests.door import somebody
from tests.inboxes import put
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


async def test_in_app_on_the_outbox(stage: Stage, address: str, browser: Browser, tmp_path: Path) -> None:
    """An in-app card of the outbox says that it was read, by the backend's word, and what has expired is dimmed."""
    reader = somebody()
    stale = await put(stage.database, reader, expires_in=-timedelta(hours=1))
    await put(stage.database, reader, expires_in=timedelta(hours=1))
    async with httpx.AsyncClient(trust_env=False, auth=("key", "")) as http:
        assert len((await http.get(f"{address}/v1/inbox/{reader}")).json()["messages"]) == 1
        await http.post(f"{address}/v1/inbox/{reader}/read", json={"ids": [stale]})
    page = await browser.new_page()
    await page.goto(f"{address}/outbox?user={reader}")
    newer, older = await page.locator("article").all()
    assert (await newer.locator(".state").inner_text()).startswith("unread · expires ")
    assert re.fullmatch(r"read .* · expired .*", await older.locator(".state").inner_text())
    opacities = [
        await card.locator(".inapp").evaluate("card => getComputedStyle(card).opacity") for card in (newer, older)
    ]
    assert opacities[0] == "1"
    assert float(opacities[1]) < 1
    await page.screenshot(path=tmp_path / "in_app.png", full_page=True)
    await page.close()


@asynccontextmanager
async def person(browser: Browser, address: str, size: ViewportSize, language: str) -> AsyncIterator[Page]:
    """Somebody with a browser without JavaScript, in which no page may load anything from elsewhere, or break its own rules."""
    context = await browser.new_context(viewport=size, locale=language, java_script_enabled=False)
    page, asked, complaints = await context.new_page(), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    await context.close()
    assert [url for url in asked if not url.startswith(f"{address}/")] == []
    assert [text for text in complaints if "Content Security Policy" in text] == []


async def fits(page: Page, size: ViewportSize) -> None:
    """Nothing is wider than the window, and whatever is pressed or ticked is as large as a finger."""
    for element in await page.locator("main, .card, h1, p, fieldset, label, button").all():
        box = await element.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size["width"]
    for element in await page.locator("label, button").all():
        box = await element.bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= 44


DESK, PHONE = ViewportSize(width=1200, height=900), ViewportSize(width=360, height=740)
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "ask": "Unsubscribe?",
        "leave": "Unsubscribe",
        "left": "You are unsubscribed",
        "choose": "Choose what you want to get",
        "title": "What may we send you?",
        "topic": "First steps",
        "way": "Push",
        "save": "Save my choice",
        "saved": "Your choice is saved.",
        "nothing": "Nothing at all, please",
        "none": "At the moment you get none of these.",
    },
    "de": {
        "ask": "Abmelden?",
        "leave": "Abmelden",
        "left": "Du bist abgemeldet",
        "choose": "Auswählen, was du bekommen möchtest",
        "title": "Was dürfen wir dir schicken?",
        "topic": "Erste Schritte",
        "way": "Push",
        "save": "Auswahl speichern",
        "saved": "Deine Auswahl ist gespeichert.",
        "nothing": "Bitte gar nichts",
        "none": "Zurzeit bekommst du nichts davon.",
    },
}


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["en", "de"])
async def test_leaving_and_choosing(
    stage: Stage, address: str, browser: Browser, language: str, size: ViewportSize, tmp_path: Any
) -> None:
    """H2: opening the link in a mail changes nothing, its button ends that topic, and the page behind it saves what is ticked;
    in the person's language, without JavaScript, on any screen.
    """
    leaver, words = somebody(), WORDS[language]
    await stage.knows(leaver, language=language)
    link = UnsubscribeLinks(stage.settings.secret_key(), address).link(leaver, "email", "carts")

    async def refused() -> frozenset[tuple[str, str]]:
        async with stage.database.read() as connection:
            return (await consents_of(connection, leaver)).refused

    async with person(browser, address, size, "fr") as page:
        await page.goto(link)
        await page.get_by_role("heading", name=words["ask"]).wait_for()
        await fits(page, size)
        assert await refused() == frozenset()
        await page.screenshot(path=tmp_path / "ask.png", full_page=True)

        await page.get_by_role("button", name=words["leave"]).click()
        await page.get_by_role("heading", name=words["left"]).wait_for()
        assert await refused() == {("email", "carts")}
        await fits(page, size)
        await page.screenshot(path=tmp_path / "left.png", full_page=True)

        await page.get_by_role("link", name=words["choose"]).click()
        await page.get_by_role("heading", name=words["title"]).wait_for()
        await fits(page, size)
        box = page.get_by_role("group", name=words["topic"]).get_by_role("checkbox", name=words["way"])
        assert await box.is_checked()
        await box.focus()
        await page.screenshot(path=tmp_path / "choose.png", full_page=True)
        await page.keyboard.press("Space")
        await page.get_by_role("button", name=words["save"]).click()
        await page.get_by_role("status").get_by_text(words["saved"]).wait_for()
        assert await refused() == {("email", "carts"), ("push", "onboarding")}
        assert not await box.is_checked()
        await page.screenshot(path=tmp_path / "saved.png", full_page=True)

        await page.get_by_role("button", name=words["nothing"]).click()
        await page.get_by_text(words["none"]).wait_for()
        assert ("*", "*") in await refused()
        await fits(page, size)
        await page.screenshot(path=tmp_path / "nothing.png", full_page=True)


async def test_a_link_cut_in_two(address: str, browser: Browser) -> None:
    """A link that a mail program has cut leads to a page that says so, in the browser's language."""
    link = UnsubscribeLinks("any", address).link("u", "email", "carts")
    async with person(browser, address, PHONE, "de-AT") as page:
        answer = await page.goto(link[:-9])
        assert answer is not None
        assert answer.status == 404
        await page.get_by_role("heading", name="Dieser Link ist ungültig").wait_for()
        await fits(page, PHONE)


async def test_outbox_from_afar(address: str) -> None:
    """From another machine the outbox, which shows people's messages, opens only with the write key."""
    from_afar = {"X-Forwarded-For": "203.0.113.9"}
    async with httpx.AsyncClient(trust_env=False, headers=from_afar) as http:
        refused = await http.get(f"{address}/outbox")
        assert refused.status_code == 401
        assert "Basic" in refused.headers["www-authenticate"]
        assert (await http.get(f"{address}/outbox", auth=("key", ""))).status_code == 200
