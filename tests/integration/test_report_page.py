"""The report as people see it: who may, what it looks like in a browser, and the files that are made of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from ingestion.keys import Keys
from ingestion.report_page import Reports, report_routes
from reporting.tables import ALL
from service import served
from settings import Settings
from tests.browsing import chromium, needs_browser
from tests.programs import Place, command
from tests.reported import DAY_ONE, HOUR, World, held_out, world_over
from tests.servers import free_port
from workflows.variants import HELD, LET_IN

DAYS = {"from": "2026-03-01", "to": "2026-03-31"}
AWAY = ("203.0.113.7", 4711)
HOME = ("127.0.0.1", 4711)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A shop in which twelve people were let in and four held out."""
    async with world_over(database_url) as world:
        await live_in(world)
        yield world


async def live_in(world: World) -> None:
    """What happened there."""
    for number in range(16):
        drawn = HELD if number % 4 == 0 else LET_IN
        await world.enters("onboarding", f"u-{number}", drawn=drawn)
        if drawn == LET_IN:
            await world.is_sent("onboarding", f"u-{number}", DAY_ONE + HOUR, "delivered", "open", took_ms=40)
        if number % 3 == 0:
            bought = {"value": "20.50", "currency": "EUR"}
            await world.does(f"u-{number}", "Order Completed", DAY_ONE + 2 * HOUR, **bought)
    await world.is_sent("onboarding", "u-1", DAY_ONE, status="withheld", reason="<b>cap</b>")


def app_over(world: World) -> Starlette:
    reports = Reports(
        world.database, holdout=0, zone="Europe/Berlin", catalogue=lambda: held_out(world.catalogue, 25, "onboarding")
    )
    return Starlette(routes=report_routes(reports, Keys(["wk"], ["in-pages"]), "Fjord & Fern"))


@asynccontextmanager
async def visiting(world: World, address: tuple[str, int] = HOME) -> AsyncIterator[httpx.AsyncClient]:
    """The page as somebody at that address gets it."""
    transport = httpx.ASGITransport(app_over(world), client=address)
    async with httpx.AsyncClient(transport=transport, base_url="http://front.door") as http:
        yield http


async def test_who_may(world: World) -> None:
    """Whoever sits at the machine sees it; from elsewhere it asks for a key, and for one that may see what is earned.

    Killed by: leaving _closed out of either route, or admitting any scope.
    """
    async with visiting(world, AWAY) as http:
        for path in ("/report", "/report/lift.csv"):
            closed = await http.get(path, params=DAYS)
            assert closed.status_code == 401
            assert closed.headers["www-authenticate"].startswith("Basic")
            assert (await http.get(path, params=DAYS, auth=("in-pages", ""))).status_code == 403
            assert (await http.get(path, params=DAYS, auth=("wk", ""))).status_code == 200
    async with visiting(world) as http:
        assert (await http.get("/report", params=DAYS)).status_code == 200


async def test_files(world: World) -> None:
    """Every table is a file with the figures of the page; what is none of them is told which there are.

    Killed by: writing the shown cells in place of the plain ones, or the wrong days.
    """
    async with visiting(world) as http:
        found = {}
        for make in ALL:
            answer = await http.get(f"/report/{make.__name__.replace('_', '-')}.csv", params=DAYS)
            assert answer.headers["content-type"].startswith("text/csv"), make.__name__
            assert "attachment" in answer.headers["content-disposition"]
            found[make.__name__] = list(csv.DictReader(io.StringIO(answer.text)))
        assert (found["funnel"][0]["entered"], found["funnel"][0]["held_out"]) == ("12", "4")
        assert float(found["lift"][0]["let_in_rate"]) == pytest.approx(4 / 12)
        assert found["withheld"][0]["reason"] == "<b>cap</b>"
        missing = await http.get("/report/nothing.csv", params=DAYS)
        assert missing.status_code == 404
        assert "funnel, steps, lift, revenue" in missing.text


@pytest.mark.parametrize("asked", [{"from": "tomorrow"}, {"from": "2026-03-02", "to": "2026-03-01"}, {"window": "0"}])
async def test_days_that_are_none(world: World, asked: dict[str, str]) -> None:
    """Days that are none are answered with 400, on the page and by a file, and what was expected is said.

    Killed by: letting ReportError out of either route.
    """
    async with visiting(world) as http:
        page, file = await http.get("/report", params=asked), await http.get("/report/lift.csv", params=asked)
        assert (page.status_code, file.status_code) == (400, 400)
        assert next(iter(asked)) in page.text
        assert 'role="alert"' in page.text


async def test_counted_once_a_minute(world: World) -> None:
    """Whoever loads the page again within a minute is shown the same figures, and other days are counted.

    Killed by: counting at each request, or keeping reports under anything less than days and window.
    """
    async with visiting(world) as http:
        before = (await http.get("/report/funnel.csv", params=DAYS)).text
        await world.enters("onboarding", "one-more")
        assert (await http.get("/report/funnel.csv", params=DAYS)).text == before
        assert (await http.get("/report/funnel.csv", params=DAYS | {"window": "8"})).text != before


@needs_browser
async def test_in_a_browser(world: World, tmp_path: Path) -> None:
    """Without JavaScript and without asking anybody else, the page shows every table with how it is counted, its plots have a
    size, words of others are words, it is no wider than a phone, other days can be asked for, and it prints.

    Killed by: a style that the policy forbids, autoescape=False, a table without its scroll, or a form without names.
    """
    settings = Settings(port=free_port())
    async with served(app_over(world), settings), chromium() as browser:
        context = await browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
        page = await context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        await page.goto(f"http://127.0.0.1:{settings.port}/report?from=2026-03-01&to=2026-03-31")
        assert await page.locator("section").count() == len(ALL)
        assert await page.get_by_text("How is this counted?").count() == len(ALL)
        assert await page.get_by_text("<b>cap</b>").count() >= 1
        bar = await page.locator("#funnel svg .bar").first.bounding_box()
        assert bar is not None
        await page.locator("#steps summary", has_text="onboarding").click()
        drawn = await page.locator("#steps svg").first.bounding_box()
        assert drawn is not None
        assert drawn["height"] > 300
        assert await page.locator("#steps svg text", has_text="12 entered").count() == 1
        assert bar["width"] > 20
        assert bar["height"] > 5
        widths = [await page.locator(part).first.bounding_box() for part in ("html", "main", "section")]
        assert all(box is not None and box["width"] <= 390 for box in widths)
        await page.locator("input[name=to]").fill("2026-03-20")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**to=2026-03-20**")
        assert await page.get_by_text("20 March 2026").count() == 1
        assert {httpx.URL(url).path for url in asked} <= {"/report", "/favicon.ico"}
        assert not [line for line in said if "favicon" not in line]
        await page.pdf(path=tmp_path / "report.pdf")
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
        await context.close()


async def test_the_command(tmp_path: Path) -> None:
    """`starter.py report` says the same: to people with how it is counted, to programs as JSON, and as files.

    Killed by: leaving a table out, or writing the files of other days.
    """
    place = Place(tmp_path)
    async with world_over(f"sqlite:///{tmp_path / 'journeyman.db'}") as world:
        await live_in(world)
    days = ("--from", DAYS["from"], "--to", DAYS["to"])
    shown = await command(place, "starter.py", "report", *days)
    assert shown.code == 0, shown.err
    assert "How far people came" in shown.out
    assert shown.out.count("onboarding") >= 4
    told = await command(place, "starter.py", "report", *days, "--json")
    assert json.loads(told.out)["funnel"]["rows"][0]["entered"] == "12"
    written = await command(place, "starter.py", "report", *days, "--csv", str(tmp_path / "files"))
    assert f"{len(ALL)} files" in written.out
    assert (tmp_path / "files" / "funnel.csv").read_text().splitlines()[1].startswith("onboarding,")
    wrong = await command(place, "starter.py", "report", "--from", "soon")
    assert (wrong.code, wrong.err.strip()) == (1, "error: from: expected a day such as 2026-03-01.")
