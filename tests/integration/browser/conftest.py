"""A shop whose pages a real browser visits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser

from tests.browsing import Shop, chromium, shop_in


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture
async def shop(browser: Browser, tmp_path: Path) -> AsyncIterator[Shop]:
    """The website and its front door; whoever wants the door away asks for `closed_shop`."""
    async with shop_in(browser, tmp_path) as shop, shop.opened():
        yield shop
        await shop.leave()


@pytest_asyncio.fixture
async def closed_shop(browser: Browser, tmp_path: Path) -> AsyncIterator[Shop]:
    """The same while its front door is closed."""
    async with shop_in(browser, tmp_path) as shop:
        yield shop
