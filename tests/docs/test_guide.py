"""The journeys of the guide walk: in the catalogue with the shipped ones, with their templates, on the real server."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

import journeys
from activities.rendering import Templates
from activities.send import Sender
from connect import connect
from profiles.addresses import Addresses
from profiles.unsubscribe_links import UnsubscribeLinks
from settings import Settings
from stack import TemporalServer
from storage.database import Database
from storage.migrate import migrate
from tests.docs.blocks import blocks, templates_of
from tests.servers import wait_until
from tests.stage import Stage, kinds
from worker import worker_of
from workflows.catalogue import Catalogue

pytestmark = pytest.mark.server
GUIDE = "write-a-journey.md"
CODE = [block.text for block in blocks(GUIDE) if block.language == "python"]
(EXAMPLES,) = (text for text in CODE if "async def test_" in text)
NAMES = re.findall(r"^async def (test_\w+)", EXAMPLES, re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The guide's journeys in a folder that adds to the package, as any other may."""
    folder = tmp_path / "guide" / "journeys"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Journeys of the guide."""\n')
    names = []
    for text in CODE:
        if found := re.search(r"^async def (\w+)\(user: User", text, re.MULTILINE):
            names.append(found[1])
            (folder / f"{found[1]}.py").write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder.parent)])  # the shipped package has to come first
    monkeypatch.setattr(journeys, "__path__", [*journeys.__path__, str(folder)])
    importlib.invalidate_caches()
    yield tmp_path
    for name in names:
        sys.modules.pop(f"journeys.{name}", None)
        journeys.__dict__.pop(name, None)


@pytest_asyncio.fixture
async def stage(temporal: TemporalServer, folder: Path) -> AsyncIterator[Stage]:
    """The whole system with the guide's journeys and templates beside the shipped ones."""
    url = f"sqlite:///{folder / 'journeyman.db'}"
    settings = Settings(database=url, data_dir=folder, task_queue=f"guide-{folder.name}", quiet_hours="", caps="")
    catalogue, database = Catalogue.load(), Database(url)
    templates = Templates(templates_of(GUIDE, folder), shop=settings.shop)
    links = UnsubscribeLinks(settings.secret_key(), settings.front_door)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await migrate(database)
        client = await connect(settings, embedded=temporal.address)
        stage = Stage(settings, database, client, catalogue)
        sender = Sender(database, catalogue, templates, settings.policy, {}, links, Addresses("secret"))
        await stack.enter_async_context(worker_of(client, settings, sender))
        await stack.enter_async_context(stage.relay)
        await stack.enter_async_context(stage.acceptor)
        yield stage


@pytest.mark.parametrize("name", NAMES)
async def test_the_examples(stage: Stage, name: str) -> None:
    """The tests that the guide shows pass, and each asserts something."""
    (shown,) = (node for node in ast.parse(EXAMPLES).body if getattr(node, "name", "") == name)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(shown))
    space: dict[str, Any] = {}
    exec(compile(EXAMPLES, GUIDE, "exec"), space)  # it is our own page
    await space[name](stage)


async def test_second_message(stage: Stage) -> None:
    """Whoever does not come back within two days gets the second message, at nine on one of the days that the guide names."""
    user = "guide-second"
    await stage.knows(user)
    await stage.happens(stage.event(user, "Product Viewed", product_id="p-1", name="Tent"))
    for _ in ("half an hour", "two days", "nine o'clock"):
        await stage.wake("session_inactivity", user)
    assert kinds(await stage.sent(user, 2)) == ["email browse/still_looking"] * 2
    (_, last) = await stage.sent(user, 2)
    local = last.at.astimezone(ZoneInfo("Europe/Berlin"))
    assert local.hour == 9
    assert local.weekday() in (1, 2, 3)
    assert (await stage.result("session_inactivity", user))["outcome"] == "went to its end"


async def test_date_that_moves(stage: Stage) -> None:
    """D5: a date of the profile that is moved while the journey waits for it is waited for where it is now.

    Killed by: leaving the dates out of Person.profile, or not taking DateChanged in Traveller.until.
    """
    user, today = "guide-trial", datetime.now(ZoneInfo("Europe/Berlin")).date()
    await stage.knows(user, trial_ends_at=str(today + timedelta(days=14)))
    await stage.happens(stage.event(user, "Signed Up"))
    await wait_until(lambda: waits_until(stage, user, today + timedelta(days=14)))
    await stage.knows(user, trial_ends_at=str(today + timedelta(days=5)))
    await wait_until(lambda: waits_until(stage, user, today + timedelta(days=5)))
    await stage.wake("trial_ending", user)
    line = next(line for line in await stage.sent(user, 2) if line.journey == "trial_ending")
    due = datetime.combine(today + timedelta(days=5), datetime.min.time(), ZoneInfo("Europe/Berlin"))
    assert timedelta(0) <= line.at - due.astimezone(UTC) < timedelta(minutes=1)


async def waits_until(stage: Stage, user: str, day: Any) -> bool:
    """Whether the journey says that it waits for the start of that day."""
    told = await stage.handle("trial_ending", user).query("__temporal_workflow_metadata")
    return f"{day.day} {day:%b %Y} 00:00 Europe/Berlin" in str(told)
