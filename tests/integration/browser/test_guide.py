"""What the guide for pages says to paste works as it stands."""

from __future__ import annotations

import httpx
from playwright.async_api import expect

from messages import RenderedCard
from tests.browsing import PAGE_KEY, Shop, needs_browser, told
from tests.docs.blocks import blocks
from tests.inboxes import put

pytestmark = needs_browser
TAG, CALLS, STUB, INBOX = (block.text for block in blocks("browser.md") if block.language == "html")


def pasted(shop: Shop, block: str) -> str:
    """A block of the guide with this front door's address and key."""
    return block.replace("https://events.example.com", shop.settings.front_door).replace("PAGE_KEY", PAGE_KEY)


async def test_the_tag(shop: Shop) -> None:
    """The guide's tag and calls tell of a page, a person, a product in a cart and a step; its inbox shows their messages.

    Killed by: another name of the script, or of one of its verbs.
    """
    shop.website.head = pasted(shop, TAG)
    shop.website.body = CALLS
    page = await shop.visit()
    rows = await shop.events(count=5)
    assert told(rows) == [
        *[("Page Viewed", "u-42"), ("Identified", "u-42"), ("Product Added", "u-42"), ("Cart Updated", "u-42")],
        ("Page Viewed", "u-42"),
    ]
    async with httpx.AsyncClient(trust_env=False, auth=("write-key", "")) as http:
        answer = await http.post(f"{shop.settings.front_door}/v1/inbox/u-42/token")
    shop.website.body = INBOX.replace("TOKEN", answer.json()["token"])
    await put(shop.door.database, "u-42", card=RenderedCard("Still here", "Your tent waits", "", "", ""))
    await page.goto(shop.website.origin)
    await expect(page.get_by_role("dialog")).to_have_accessible_name("Still here")
    assert shop.problems == []


async def test_the_line_before_it(shop: Shop) -> None:
    """With the guide's line before an asynchronous tag, what the page says earlier is not lost.

    Killed by: not reading what that line has kept.
    """
    tag = pasted(shop, TAG).replace("<script ", "<script async ")
    assert "async" in tag
    shop.website.head = f"{STUB}<script>journeyman('track', 'One');</script>{tag}"
    await shop.visit()
    assert [row.name for row in await shop.events(count=2)] == ["One", "Page Viewed"]
