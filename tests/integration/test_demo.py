"""The demo, as a visitor of the project runs it: one command, the whole stack, weeks in seconds."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.servers import free_port, is_free

ROOT = Path(__file__).parents[2]
PORTS = ("JOURNEYMAN_PORT", "JOURNEYMAN_TEMPORAL_PORT", "JOURNEYMAN_UI_PORT")


class Played:
    """One demo that has ended: what it printed, and what it said it counted."""

    def __init__(self, ports: list[int], data_dir: Path, code: int | None, printed: bytes, told: bytes) -> None:
        self.ports = ports
        self.data_dir = data_dir
        self.code = code
        self.told = told.decode()
        self.summary: dict[str, Any] = json.loads(printed.decode().strip().splitlines()[-1]) if code == 0 else {}


async def played(data_dir: Path) -> Played:
    """Run the command to its end; it is killed with everything below it if it takes far too long."""
    ports = [free_port() for _ in PORTS]
    environment = os.environ | dict(zip(PORTS, map(str, ports), strict=True))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "starter.py", "demo", "--json", "--people", "8"),
        cwd=ROOT,
        env=environment | {"JOURNEYMAN_DATA_DIR": str(data_dir), "COLUMNS": "100"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(150):
            printed, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return Played(ports, data_dir, process.returncode, printed, told)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The demo with the fewest people, played once for all tests of this file."""
    demo = await played(tmp_path_factory.mktemp("demo"))
    assert demo.code == 0, demo.told
    return demo


async def test_nothing_lost_nothing_twice(demo: Played) -> None:
    """Every event that the tracking client sent was accepted, and no step was sent twice."""
    events = demo.summary["events"]
    assert events["sent"] == events["accepted"] > 40
    assert (events["lost"], demo.summary["duplicates"]) == (0, 0)


async def test_every_journey_is_walked(demo: Played) -> None:
    """Every journey begins for somebody, every pass is accounted for, and a goal ends some of each."""
    assert set(demo.summary["journeys"]) == {"cart_abandonment", "onboarding", "post_purchase", "win_back"}
    for name, row in demo.summary["journeys"].items():
        ends = ("ended_by_goal", "went_to_its_end", "still_open", "ended_otherwise")
        assert row["started"] == sum(row[end] for end in ends) > 0, name
        assert row["ended_by_goal"] > 0, name
        assert row["ended_otherwise"] == 0, name
        assert sum(row["messages"].values()) > 0, name


async def test_what_people_do_decides(demo: Played) -> None:
    """Whoever empties a cart, buys or gives back is left alone; whoever comes back after the win-back begins anew."""
    journeys = demo.summary["journeys"]
    assert journeys["cart_abandonment"]["went_to_its_end"] == 2  # the cart that was left, and the one filled offline
    assert journeys["post_purchase"]["ended_by_goal"] == 1  # what was given back
    assert journeys["win_back"]["ended_by_goal"] == journeys["win_back"]["still_open"] == 2  # those who returned


async def test_channels_and_reasons(demo: Played) -> None:
    """Email, push and in-app are all used, and what was withheld has its reason."""
    assert all(count > 0 for count in demo.summary["messages"].values())
    assert sum(demo.summary["withheld"].values()) == sum(row["withheld"] for row in demo.summary["journeys"].values())
    assert all(demo.summary["withheld"])


async def test_latency_is_measured(demo: Played) -> None:
    """The latency comes from messages of runs that were never moved ahead in time."""
    latency = demo.summary["latency_ms"]
    assert latency["count"] >= 4  # at least the thanks, which rest at no hour
    assert 0 < latency["p50"] <= latency["p99"] < 10_000


async def test_it_is_shown(demo: Played) -> None:
    """The tables, the addresses and one person's story are printed for people."""
    for words in ("cart_abandonment", "p99", "Runs", "Messages", f"The story of {demo.summary['person']}"):
        assert words in demo.told
    assert re.search(r"/workflows\?query=UserId%3D%22\w+%22", demo.summary["addresses"]["Runs"])


async def test_nothing_stays_behind(demo: Played) -> None:
    """When it has ended, all its ports are free again and its data lies in a directory of its own."""
    assert all(map(is_free, demo.ports))
    assert [path.name for path in demo.data_dir.iterdir()] == ["demo"]


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Where the front door's port is taken, the demo says which variable to change, and removes nothing."""
    kept = tmp_path / "demo" / "kept"
    kept.parent.mkdir()
    kept.write_text("an earlier demo")
    taken = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "starter.py", "demo"),
        cwd=ROOT,
        env=os.environ | {"JOURNEYMAN_DATA_DIR": str(tmp_path), "JOURNEYMAN_PORT": str(port), "DEMO_EXIT": "1"},
        stderr=asyncio.subprocess.PIPE,
    )
    async with taken, asyncio.timeout(30):
        _, told = await process.communicate()
    assert process.returncode == 1
    assert "JOURNEYMAN_PORT" in told.decode()
    assert kept.exists()
