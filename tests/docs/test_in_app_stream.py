"""What the page on in-app messages tells a backend and a browser to do, word for word."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from docs.refresh import ROOT
from tests.docs.blocks import blocks
from tests.servers import free_port, wait_until
from tests.site import Site, opened_site

PAGE = [*blocks("in-app.md")]
TOKEN, STREAM, LIST, SAY = (block.text for block in PAGE if block.language == "sh")
TOKEN_ANSWER, STREAM_ANSWER = (block.text for block in PAGE if block.language == "text")
(SCRIPT,) = (block.text for block in PAGE if block.language == "js")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="no curl on this machine; on Debian: apt install curl"
)


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(f"sqlite:///{tmp_path / 'journeyman.db'}") as site:
        yield site


async def shell(site: Site, commands: str, **names: str) -> asyncio.subprocess.Process:
    """A shell that does this; the front door of the page is ours."""
    known = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": os.environ["HOME"], "NO_PROXY": "*"}
    return await asyncio.create_subprocess_exec(
        *("bash", "-ec", commands.replace("http://127.0.0.1:8000", str(site.http.base_url).rstrip("/"))),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env=known | {"JOURNEYMAN_WRITE_KEYS": "wk"} | names,
    )


async def typed(site: Site, commands: str, **names: str) -> Any:
    """What a shell prints, as JSON."""
    process = await shell(site, commands, **names)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return [json.loads(line) for line in out.decode().replace("}{", "}\n{").splitlines()]


@needs_curl
async def test_the_commands(site: Site) -> None:
    """The page's commands get a token, hear of a message in the shape that the page shows, and say that it was seen and clicked.

    Killed by: another name of an address, of a field of the answers, or of the event.
    """
    (given,) = await typed(site, TOKEN)
    assert list(given) == list(json.loads(TOKEN_ANSWER))
    message = await site.put("u-42")
    names = {"ADDRESS": str(site.http.base_url).rstrip("/"), "TOKEN": given["token"], "ID": message}
    streaming = await shell(site, STREAM, **names)
    assert streaming.stdout is not None
    heard = [(await asyncio.wait_for(streaming.stdout.readline(), 20)).decode() for _ in range(4)]
    streaming.kill()
    await streaming.communicate()
    told = re.findall(r"^(?:retry: .*|id|data|(?=\n))", STREAM_ANSWER, re.MULTILINE)[:4]
    assert [line.partition(": ")[0].strip() if index else line.strip() for index, line in enumerate(heard)] == told
    assert list(json.loads(heard[3].removeprefix("data: "))) == re.findall(r'"(\w+)": ', STREAM_ANSWER)
    ((shown,),) = [answer["messages"] for answer in await typed(site, LIST, **names)]
    assert shown["id"] == message
    assert await typed(site, SAY, **names) == [{"success": True}] * 2
    assert len(await site.door.stored("In-App Message Clicked")) == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; on Debian: apt install chromium")
async def test_the_script(tmp_path: Path) -> None:
    """The page's script shows messages in a real browser, once each, also over a restart of the front door; and what it tells is
    known. When the token expires it asks no more.

    Killed by: leaving out `id:` in `sse`; leaving the look at the token's end out of Stream._events.
    """
    url, port = f"sqlite:///{tmp_path / 'journeyman.db'}", free_port()
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        page = await browser.new_page()

        async def shown() -> list[str]:
            found: list[str] = await page.evaluate("window.shown")
            return found

        async def is_closed() -> bool:
            return bool(await page.evaluate("window.source.readyState === EventSource.CLOSED"))

        async with opened_site(url, port=port) as site:
            token, address = await site.token("u", timedelta(seconds=25)), str(site.http.base_url).rstrip("/")
            read, *ids = [await site.put("u") for _ in range(3)]
            await page.goto(f"{address}/health")
            await page.evaluate(
                f"() => {{ {SCRIPT}; window.shown = []; Object.assign(window, {{ showMessages, tell }}); }}"
            )
            assert await page.evaluate("([a, t, id]) => tell(a, t, 'seen', id).then(r => r.ok)", [address, token, read])
            begin = "([a, t]) => { window.source = showMessages(a, t, message => window.shown.push(message.id)); }"
            await page.evaluate(begin, [address, token])
            await wait_until(lambda: shown())
            ids.append(await site.put("u"))
            await wait_until(lambda: has(shown, ids))
            assert await page.evaluate(
                "([a, t, id]) => tell(a, t, 'clicked', id).then(r => r.ok)", [address, token, ids[0]]
            )
            assert len(await site.door.stored("In-App Message Clicked")) == 1
        async with opened_site(url, port=port) as site:
            ids.append(await site.put("u"))
            await wait_until(lambda: has(shown, ids), 15)
            await wait_until(is_closed, 30)
        assert await shown() == ids
        await browser.close()


async def has(shown: Any, ids: list[str]) -> bool:
    """Whether all of these were shown by now."""
    return len(await shown()) >= len(ids)
