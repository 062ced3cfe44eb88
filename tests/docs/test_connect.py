"""What the guides of each sender say to paste works as it stands, against a front door that is really served."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.v1.event import CloudEvent

from storage.people import read_person
from tests import npm
from tests.docs.blocks import Block, blocks, name_of
from tests.docs.test_docs import imported
from tests.fronts import KEY, Front, fronted

GUIDES = {"connect.md", "segment.md", "rudderstack.md", "tealium.md", "cloudevents.md", "gtm.md", "http.md"}
BLOCKS = [block for block in blocks() if block.page.name in GUIDES]
COMMANDS = [block for block in BLOCKS if block.language == "sh" and "curl" in block.text]
SCRIPTS = [block for block in BLOCKS if block.file.endswith(".mjs")]
CLIENTS = [block for block in BLOCKS if block.file.endswith("_tracking.py")]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return npm.installed(tmp_path_factory)


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path) as front:
        yield front


def environment(front: Front) -> dict[str, str]:
    """What the guides tell their readers to set."""
    return {"FRONT_DOOR": f"http://127.0.0.1:{front.settings.port}", "WRITE_KEY": KEY}


async def names(front: Front) -> list[str]:
    return [row.name for row in await front.door.stored()]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine; on Debian: apt install curl")
@pytest.mark.parametrize("block", COMMANDS, ids=name_of)
async def test_commands(front: Front, block: Block) -> None:
    """Every command of the guides stores the event that it shows, and each of them once when it is run again.

    Killed by: a door that is not served.
    """
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-euc",
            block.text,
            env={"PATH": os.environ["PATH"], **environment(front)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0, told.decode()
        answers = json.loads("[" + told.decode().replace("}{", "},{") + "]")
        assert answers == [{"success": True}] * len(answers)
        assert await names(front) == expected_of(block)


def expected_of(block: Block) -> list[str]:
    """What plain HTTP names itself; the commands of the other pages tell of an order, in their own words."""
    if block.page.name != "http.md":
        return ["Order Completed"]
    told = ["Identified"] if "/v1/identify" in block.text else []
    return told + [part.split('"')[1] for part in block.text.split('"event": ')[1:]]


async def test_tealium(front: Front) -> None:
    """The order of Tealium's guide is whole: its line, its value, and the person's address.

    Killed by: leaving the lists of products unread.
    """
    (block,) = (block for block in COMMANDS if block.page.name == "tealium.md")
    body = json.loads(block.text.split("-d '")[1].rsplit("'", 1)[0])
    assert (await front.post("tealium", body)).status_code == 200
    (order,) = await front.door.stored()
    assert order.properties["products"] == [
        {"product_id": "p-1", "name": "Tent", "price": "59.90", "quantity": "2"},
    ]
    assert order.properties["value"] == "119.80"
    async with front.door.database.read() as connection:
        person = await read_person(connection, "u-42")
    assert person is not None
    assert person.email == "ada@example.com"


@pytest.mark.parametrize("block", SCRIPTS, ids=name_of)
async def test_scripts(packages: Path, front: Front, block: Block) -> None:
    """Every script of the guides for Node tells what it says, and ends.

    Killed by: a client's address that lacks a door.
    """
    await npm.run(packages, block.file, block.text, **environment(front))
    assert (await names(front))[0] == "Identified"
    assert {"Product Added", "Signed Up"} & set(await names(front))


@pytest.mark.parametrize("block", CLIENTS, ids=name_of)
async def test_python_clients(front: Front, block: Block, tmp_path: Path) -> None:
    """Every client that the guides make in Python reaches the front door.

    Killed by: naming the front door in another argument.
    """
    where = environment(front)
    client = loaded(block, tmp_path, "tracking")(where["FRONT_DOOR"], where["WRITE_KEY"])
    client.track("u-42", "Signed Up")
    await asyncio.to_thread(client.flush)
    await asyncio.to_thread(client.join)
    assert await names(front) == ["Signed Up"]


async def test_cloudevents(front: Front, tmp_path: Path) -> None:
    """The guide's way to tell a CloudEvent stores it.

    Killed by: leaving out the key.
    """
    (block,) = (block for block in BLOCKS if block.file == "shop_events.py")
    where = environment(front)
    event = CloudEvent({"type": "com.example.signed_up", "source": "/accounts", "subject": "u-42"}, {"plan": "free"})
    await asyncio.to_thread(loaded(block, tmp_path, "tell"), where["FRONT_DOOR"], where["WRITE_KEY"], event)
    assert await names(front) == ["Signed Up"]


def loaded(block: Block, folder: Path, name: str) -> Callable[..., Any]:
    """The function of that name in a block."""
    path = folder / block.file
    path.write_text(block.text, encoding="utf-8")
    found = getattr(imported(path.stem, path), name)
    assert callable(found)
    return found  # type: ignore[no-any-return]
