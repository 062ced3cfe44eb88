"""What every test may ask for: a Temporal server, and an empty database of either kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from stack import TemporalServer
from tests.canaries import found, found_in
from tests.servers import PostgreSQL, free_port
from tests.stage import Stage, staged

StartPostgreSQL = Callable[[], Awaitable[PostgreSQL]]


@pytest.fixture(scope="session", autouse=True)
def no_process_left() -> Iterator[None]:
    """Whatever the tests started is gone at their end; being the first fixture, this is the last to be put away."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child not in before and _is_ours(child)]
    names = [f"{child.pid} {child.name()}" for child in left]
    for child in left:
        child.kill()
    assert not names, f"still running after the tests: {names}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """The real server, in which single runs can be moved ahead in time; all tests of a worker share it.

    At the end of them its files are searched: no test of all may have brought anybody's address into it.
    """
    folder = tmp_path_factory.mktemp("temporal")
    async with TemporalServer(
        folder, port=free_port(), ui_port=free_port(), metrics_port=free_port(), time_skipping=True
    ) as server:
        yield server
    files = sorted(folder.iterdir())
    assert any(file.stat().st_size > 100_000 for file in files), "Temporal kept nothing that could be searched"
    assert not found_in(files), "somebody's address has come into Temporal"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that leaves somebody's address in a log or in what it prints as an error has failed."""
    report = yield
    written = "\n".join(text for name, text in report.sections if "log" in name or "stderr" in name)
    if report.passed and (addresses := [*found(written.encode())]):
        report.outcome = "failed"
        report.longrepr = f"somebody's address was logged or printed as an error: {addresses[:3]}"
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgresql() -> AsyncIterator[StartPostgreSQL]:
    """Starts PostgreSQL when it is first called; all tests of a worker share it."""
    servers: list[PostgreSQL] = []

    async def start() -> PostgreSQL:
        if not servers:
            servers.append(PostgreSQL())
            await servers[0].start()
        return servers[0]

    yield start
    for server in servers:
        await server.stop()


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql: StartPostgreSQL
) -> AsyncIterator[str]:
    """The address of an empty database; a test that asks for it runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'journeyman.db'}"
        return
    server = await postgresql()
    name = await server.create_database()
    yield server.url(name)
    await server.drop_database(name)


@pytest_asyncio.fixture
async def postgresql_url(postgresql: StartPostgreSQL) -> AsyncIterator[str]:
    """The address of an empty PostgreSQL, for what SQLite cannot show."""
    server = await postgresql()
    name = await server.create_database()
    yield server.url(name)
    await server.drop_database(name)


@pytest_asyncio.fixture
async def stage(temporal: TemporalServer, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """The whole system on either database, with every journey of the project and of tests/extra/journeys."""
    async with staged(database_url, temporal.address, tmp_path) as stage:
        yield stage


@pytest_asyncio.fixture
async def unrelayed(temporal: TemporalServer, database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """The same without a relay at work: `stage.relay` and others can be begun and ended."""
    async with staged(database_url, temporal.address, tmp_path, relaying=False) as stage:
        yield stage


def _is_ours(child: psutil.Process) -> bool:
    """Not a dead entry, and not the tracker that multiprocessing keeps until the very end."""
    try:
        return child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline())
    except psutil.NoSuchProcess:
        return False
