"""Pages of other origins: whom a browser lets speak to the front door, and what is taken from the others."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from errors import SettingsError
from ingestion.origins import read_origins
from tests.fronts import KEY, Front, fronted, track
from tests.servers import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHOP = "https://shop.example.com"
LIST = f"{SHOP}, https://*.example.org, http://localhost:3000/"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,anonymousid"}
POST = """async ([url, headers, body]) => {
    try {
        const answer = await fetch(url, {method: "POST", headers, body: JSON.stringify(body)});
        return [answer.status, await answer.json()];
    } catch (error) { return [0, error.name]; }
}"""


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path, cors=LIST) as front:
        yield front


@pytest.mark.parametrize("origin", [SHOP, "https://a.example.org", "https://a-2.example.org", "http://localhost:3000"])
async def test_let_in(front: Front, origin: str) -> None:
    """A page of an origin on the list is answered, before and after it posts, and is never let in by a cookie.

    Killed by: leaving the pattern out of CrossOrigin's middleware, or allowing credentials there.
    """
    asked = await front.http.options("/v1/batch", headers={"Origin": origin} | PREFLIGHT)
    answer = await front.post("track", track(1), Origin=origin)
    refused = await front.post("track", b"{", Origin=origin)
    for each, status in ((asked, 200), (answer, 200), (refused, 400)):
        assert each.status_code == status
        assert each.headers["access-control-allow-origin"] == origin
        assert "origin" in each.headers["vary"].lower()
        assert "access-control-allow-credentials" not in each.headers
    assert asked.headers["access-control-allow-headers"] == PREFLIGHT["Access-Control-Request-Headers"]
    assert "retry-after" in answer.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(
    "origin",
    [
        "http://shop.example.com", "https://shop.example.com:8443", "https://shop.example.com.evil.test",
        "https://example.org", "https://a.b.example.org", "https://evilexample.org", "https://a.example.org:444",
        "https://.example.org", "https://a\u00df.example.org".encode().decode("latin-1"), "null", "",
    ],
)  # fmt: skip
async def test_kept_out(front: Front, origin: str) -> None:
    """What a page of any other origin posts is refused with a sentence that says why, and nothing of it is stored.

    Killed by: handing strange origins on to the middleware in CrossOrigin.__call__; search for fullmatch in Origins.
    """
    headers = [(b"origin", origin.encode("latin-1"))]
    preflight = [(name.encode(), value.encode()) for name, value in PREFLIGHT.items()]
    for answer in (
        await front.http.request("OPTIONS", "/v1/batch", headers=headers + preflight),
        await front.http.post("/v1/track", json=track(1) | {"writeKey": KEY}, headers=headers),
    ):
        assert answer.status_code == 403
        assert "JOURNEYMAN_CORS" in answer.json()["error"]
        assert answer.json()["reason"] == "origin"
        assert "access-control-allow-origin" not in answer.headers
    assert await front.stored() == []


async def test_preflight_without_a_database(front: Front) -> None:
    """A preflight is answered while the database is away: it is not asked.

    Killed by: reading the database in CrossOrigin, or routing preflights to the doors.
    """
    await front.door.database.close()
    front.door.database.read = front.door.database.write = None  # type: ignore[assignment, method-assign]
    asked = await front.http.options("/v1/batch", headers={"Origin": SHOP} | PREFLIGHT)
    assert asked.status_code == 200
    assert int(asked.headers["access-control-max-age"]) >= 600


async def test_our_own_pages(tmp_path: Path) -> None:
    """With no list at all our own pages and programs without an origin are let in, and nobody else's pages.

    Killed by: leaving `_is_here` or `own` out of CrossOrigin; an empty list that lets everybody in.
    """
    url = f"sqlite:///{tmp_path / 'journeyman.db'}"
    async with fronted(url, tmp_path, public_url="https://journeys.example.com/") as front:
        here = f"http://127.0.0.1:{front.settings.port}"
        statuses = [
            (await front.post("track", track(number), **({"Origin": origin} if origin else {}))).status_code
            for number, origin in enumerate((None, here, "https://journeys.example.com", SHOP))
        ]
        assert statuses == [200, 200, 200, 403]
        assert len(await front.stored()) == 3


async def test_everyone(tmp_path: Path) -> None:
    """`*` lets every page in, without credentials.

    Killed by: not handing `everyone` to the middleware.
    """
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path, cors="*") as front:
        for answer in (
            await front.http.options("/v1/batch", headers={"Origin": "https://any.test"} | PREFLIGHT),
            await front.post("track", track(1), Origin="https://any.test"),
        ):
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "text",
    ["shop.example.com", "https://", "https://*", "https://*.com", "https://a.*.com", "https://a/path", "https://a b"],
)
def test_no_origin(text: str) -> None:
    """What is no origin stops the start, with the variable's name and what it should look like.

    Killed by: leaving words that do not fit out of the list.
    """
    with pytest.raises(SettingsError, match="JOURNEYMAN_CORS"):
        read_origins(f"{SHOP}, {text}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium, without a look at the network."""
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield running
        await running.close()


@asynccontextmanager
async def site() -> AsyncIterator[str]:
    """A website with one empty page, at an origin of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<!doctype html>")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", port := free_port())
    async with server:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; on Debian: apt install chromium")
async def test_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    """A real browser lets a page of a listed origin post as each tracking client does; from a page of another origin
    nothing is stored, and the page sees no answer.

    Killed by: CrossOrigin left out of FrontDoor.app, or one that lets every origin in.
    """
    body: list[Any] = [{"batch": [track(number)], "writeKey": KEY} for number in range(4)]
    authorized = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    async with site() as listed, site() as strange:
        url = f"sqlite:///{tmp_path / 'journeyman.db'}"
        async with fronted(url, tmp_path, cors=f"https://x.example.com, {listed}") as front:
            door = f"{front.settings.front_door}/v1/batch"
            page = await browser.new_page()
            seen = {}
            for place, origin in enumerate((listed, strange)):
                await page.goto(origin)
                seen[origin] = [
                    await page.evaluate(POST, [door, {"Content-Type": "text/plain"}, body[2 * place]]),
                    await page.evaluate(POST, [door, authorized, body[2 * place + 1]]),
                ]
            await page.close()
            assert seen == {listed: [[200, {"success": True}]] * 2, strange: [[0, "TypeError"]] * 2}
            assert await front.stored() == ["m-0", "m-1"]
