"""A shop's website in a real browser, with a front door of another origin that is really served."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from pydantic import SecretStr
from sqlalchemy import Row
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from ingestion.streams import Streams
from service import app_of, served
from settings import Settings
from tests.door import Door, opened_door
from tests.servers import free_port, wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine; on Debian: apt install chromium"
)
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PAGE_KEY = "page-key"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Headless Chromium, without a look at the network."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        await running.close()


@dataclass
class Website:
    """Pages at an origin of their own; each path is answered with `body`, under `headers`."""

    origin: str
    head: str = ""
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def page(self, request: Request) -> Response:
        """Any page; /elsewhere has nothing on it."""
        told = "" if request.url.path == "/elsewhere" else self.head
        text = f"<!doctype html><html lang=en><head><meta charset=utf-8><title>Shop {request.url.path}</title>{told}</head>"
        return HTMLResponse(f"{text}<body>{self.body}</body></html>", headers=self.headers)


class Requests:
    """Notes what a front door is asked."""

    def __init__(self, app: ASGIApp, seen: list[tuple[str, str]]) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._seen.append((scope["method"], scope["path"]))
        await self._app(scope, receive, send)


class Shop:
    """The website, the front door, its database, and a browser to visit with."""

    def __init__(self, website: Website, settings: Settings, door: Door, browser: Browser) -> None:
        self.website = website
        self.settings = settings
        self.door = door
        self.browser = browser
        self.requests: list[tuple[str, str]] = []
        self.problems: list[str] = []
        """What a console showed as an error."""
        self._contexts: list[BrowserContext] = []

    def tag(self, attributes: str = "") -> str:
        """What docs/browser.md says to put into a page."""
        return f'<script src="{self.settings.front_door}/js/journeyman.js" data-write-key="{PAGE_KEY}" {attributes}></script>'

    async def visitor(self, **options: Any) -> BrowserContext:
        """Somebody with a browser of their own."""
        context = await self.browser.new_context(**options)
        self._contexts.append(context)
        context.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        return context

    async def visit(self, path: str = "/", *, by: BrowserContext | None = None, **options: Any) -> Page:
        """A page of the website, loaded."""
        page = await (by or await self.visitor(**options)).new_page()
        await page.goto(self.website.origin + path)
        return page

    async def events(self, *names: str, count: int | None = None) -> list[Row[Any]]:
        """The stored events, or those of these names; waits until there are `count`, and fails if there are more."""

        async def enough() -> bool:
            return len(await self.door.stored(*names)) >= (count or 0)

        await wait_until(enough, 20)
        found = await self.door.stored(*names)
        assert count in (None, len(found)), [row.name for row in found]
        return found

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The front door, for as long as the block lasts."""
        streams = Streams(self.door.database, most=20)
        app = app_of(self.settings, self.door.database, self.door.acceptor, [], streams)
        async with served(Starlette(routes=[Mount("/", Requests(app, self.requests))]), self.settings), streams:
            yield

    async def leave(self) -> None:
        """Close all browsers' windows."""
        for context in self._contexts:
            await context.close()


@asynccontextmanager
async def shop_in(browser: Browser, home: Path, *, scripts: Path | None = None) -> AsyncIterator[Shop]:
    """A shop with a page that is tracked by our script; `scripts` are served below /scripts."""
    website = Website(f"http://127.0.0.1:{(port := free_port())}")
    settings = Settings(
        database=f"sqlite:///{home / 'journeyman.db'}",
        data_dir=home,
        port=free_port(),
        cors=website.origin,
        write_keys="write-key",
        page_keys=PAGE_KEY,
        secret=SecretStr("test secret"),
    )
    routes = [Mount("/scripts", StaticFiles(directory=scripts))] if scripts else []
    pages = Starlette(routes=[*routes, Route("/{path:path}", website.page)])
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(opened_door(settings.database))
        shop = Shop(website, settings, door, browser)
        website.head = shop.tag()
        await stack.enter_async_context(served(pages, settings.model_copy(update={"port": port})))
        stack.push_async_callback(shop.leave)
        yield shop


def told(rows: Collection[Row[Any]]) -> list[tuple[str, str | None]]:
    """Name and person of each."""
    return [(row.name, row.user_id) for row in rows]
