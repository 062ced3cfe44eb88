"""In-app messages appear on the page while it is open, and what the person does with them is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, Page, expect
from sqlalchemy import select

from messages import RenderedCard
from storage.tables import outbox
from tests.browsing import Shop, needs_browser
from tests.door import somebody
from tests.inboxes import put
from tests.servers import wait_until

pytestmark = needs_browser
HOSTILE = [
    "<img src=x onerror=\"document.title='hacked'\">",
    "<script>document.title='hacked'</script>",
    "</p><iframe srcdoc=\"<script>parent.document.title='hacked'</script>\"></iframe>",
    "{{constructor.constructor('document.title=1')()}}",
]
LINKS = [
    "javascript:document.title='hacked'",
    " java\nscript:alert(1)",
    "data:text/html,<p>x",
    "mailto:a@example.com",
    "//x",
    "",
]

BEHIND = """() => {
    Object.defineProperty(document, 'hidden', {value: true});
    window.Observer = IntersectionObserver;
    IntersectionObserver = class { observe() {} disconnect() {} };
}"""
"""Makes a page one that lies behind another: it is hidden, and nothing on it is ever in view."""
IN_FRONT = "() => { IntersectionObserver = window.Observer }"
"""What is shown on that page from now on is in view."""


async def token(shop: Shop, user: str) -> str:
    """What the shop's backend puts into the page."""
    async with httpx.AsyncClient(trust_env=False, auth=("write-key", "")) as http:
        answer = await http.post(f"{shop.settings.front_door}/v1/inbox/{user}/token")
        return str(answer.json()["token"])


async def opened(shop: Shop, user: str, **more: Any) -> Page:
    """A page that shows this person's messages."""
    page = await shop.visit(**more)
    await page.evaluate("token => journeyman('inbox', token)", await token(shop, user))
    return page


def card(page: Page) -> Locator:
    return page.get_by_role("dialog")


def read(shop: Shop, message: str) -> Callable[[], Awaitable[bool]]:
    """Whether it was seen, as far as the database knows."""

    async def seen() -> bool:
        async with shop.door.database.read() as connection:
            query = select(outbox.c.read_at).where(outbox.c.send_key == message)
            return await connection.scalar(query) is not None

    return seen


async def test_shown_and_clicked(shop: Shop) -> None:
    """A message appears while the page is open, with a name that a screen reader tells; it is known as read once it is seen,
    and its click is an event of the person, though the page is left by it. It is not shown again.

    Killed by: not telling `seen` or `clicked`.
    """
    user = somebody()
    page = await opened(shop, user)
    shown = RenderedCard("Still here", "Your tent waits", f"{shop.website.origin}/elsewhere", "Back to my cart", "")
    message = await put(shop.door.database, user, card=shown)
    await expect(card(page)).to_have_accessible_name("Still here")
    await expect(card(page)).to_contain_text("Your tent waits")
    assert await page.locator("#journeyman").get_attribute("aria-live") == "polite"
    await wait_until(read(shop, message))
    await card(page).get_by_role("link", name="Back to my cart").click()
    await page.wait_for_url("**/elsewhere")
    (click,) = await shop.events("In-App Message Clicked", count=1)
    assert (click.user_id, click.properties["send_key"]) == (user, message)
    later = await opened(shop, user)
    second = await put(shop.door.database, user, card=RenderedCard("Second", "x", "", "", ""))
    await expect(card(later)).to_have_accessible_name("Second")
    await wait_until(read(shop, second))
    assert shop.problems == []


async def test_one_after_the_other(shop: Shop) -> None:
    """Several messages come one after the other, each closed by the keyboard alone: Escape, or the button. One that has not
    been shown is not known as read. Who logs out sees none of them any more.

    Killed by: showing all at once, or leaving `close` out of `reset`.
    """
    user = somebody()
    messages = [await put(shop.door.database, user, card=RenderedCard(name, "x", "", "", "")) for name in "ABC"]
    shop.website.head = shop.tag('data-close="Schließen"')
    page = await opened(shop, user)
    await expect(card(page)).to_have_accessible_name("A")
    await wait_until(read(shop, messages[0]))
    assert not await read(shop, messages[1])()
    await page.keyboard.press("Escape")
    await expect(card(page)).to_have_accessible_name("B")
    await wait_until(read(shop, messages[1]))
    await page.get_by_role("button", name="Schließen").focus()
    await page.keyboard.press("Enter")
    await expect(card(page)).to_have_accessible_name("C")
    await wait_until(read(shop, messages[2]))
    await page.evaluate("journeyman('reset')")
    await expect(card(page)).to_have_count(0)
    again = await opened(shop, user)
    await put(shop.door.database, user, card=RenderedCard("D", "x", "", "", ""))
    await expect(card(again)).to_have_accessible_name("D")


@pytest.mark.parametrize("link", LINKS)
async def test_text_stays_text(shop: Shop, link: str) -> None:
    """T8: markup in a message is shown as the text that it is, a link or picture that is not of the web is none, and nothing of
    it is run; all that under a policy without inline styles.

    Killed by: innerHTML instead of text, or taking any address.
    """
    door = shop.settings.front_door
    policy = f"default-src 'none'; script-src {door}; connect-src {door}; style-src 'none'; img-src 'none'"
    shop.website.headers["Content-Security-Policy"] = policy
    user, hostile = somebody(), HOSTILE[LINKS.index(link) % len(HOSTILE)]
    page = await opened(shop, user)
    message = await put(shop.door.database, user, card=RenderedCard(hostile, hostile, link, hostile, link))
    await expect(card(page)).to_have_accessible_name(" ".join(hostile.split()))
    assert await card(page).locator("p").inner_text() == hostile
    assert await card(page).locator("a, img, script, iframe").count() == 0
    assert await page.title() == "Shop /"
    style = "node => [getComputedStyle(node).position, getComputedStyle(node).zIndex]"
    assert await card(page).evaluate(style) == ["fixed", "2147483000"]
    await wait_until(read(shop, message))
    assert shop.problems == []


async def test_the_page_decides_how_it_looks(shop: Shop) -> None:
    """What the page's own style sheet says of the card holds; a picture and a title that is a link are shown.

    Killed by: a style of our own that is stronger than a class.
    """
    shop.website.body = "<style>.journeyman-card { position: static; color: rgb(1, 2, 3) }</style>"
    user = somebody()
    page = await opened(shop, user)
    picture = f"{shop.website.origin}/picture.png"
    await put(shop.door.database, user, card=RenderedCard("Look", "x", "https://shop.example.com/cart", "", picture))
    await expect(card(page).get_by_role("link", name="Look")).to_have_attribute("href", "https://shop.example.com/cart")
    assert await card(page).locator("img").get_attribute("src") == picture
    style = "node => [getComputedStyle(node).position, getComputedStyle(node).color]"
    assert await card(page).evaluate(style) == ["static", "rgb(1, 2, 3)"]


async def test_two_tabs(shop: Shop) -> None:
    """A message that was seen in one tab is not shown once more in another that lies behind it.

    Killed by: not telling the other tabs.
    """
    user, visitor = somebody(), await shop.visitor()
    first, second = await opened(shop, user, by=visitor), await opened(shop, user, by=visitor)
    await second.evaluate(BEHIND)
    message = await put(shop.door.database, user, card=RenderedCard("A", "x", "", "", ""))
    await expect(card(first)).to_have_accessible_name("A")
    await wait_until(read(shop, message))
    await second.evaluate(IN_FRONT)
    message = await put(shop.door.database, user, card=RenderedCard("B", "x", "", "", ""))
    await expect(card(second)).to_have_accessible_name("B")
    await wait_until(read(shop, message))
    await first.keyboard.press("Escape")
    await expect(card(first)).to_have_count(0)


async def test_a_token_that_opens_nothing(shop: Shop) -> None:
    """A token that has expired or was made up shows nothing, and the page goes on; a new one opens the inbox.

    Killed by: not closing the old stream when a new token is given.
    """
    user = somebody()
    await put(shop.door.database, user)
    page = await shop.visit()
    await page.evaluate("journeyman('inbox', 'made up')")
    await wait_until(lambda: ("GET", "/v1/inbox/stream") in shop.requests)
    assert await card(page).count() == 0
    await page.evaluate("token => journeyman('inbox', token)", await token(shop, user))
    await expect(card(page)).to_have_count(1)
    assert [method for method, path in shop.requests if path == "/v1/inbox/stream"] == ["GET", "GET"]
