"""What the doctor says of a database, a Temporal, a worker and a front door with which something is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest

from connect import connect
from ingestion.sendgrid_webhook import PATH
from settings import Settings
from stack import TemporalServer
from storage.database import Database
from storage.migrate import migrate
from tests.doctoring import World, only, seen
from tests.doubles.google import reply
from tests.servers import PostgreSQL, free_port, wait_until

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "no database URL"),
        ("postgresql+asyncpg://somebody:hunter2@127.0.0.1:1/x", "cannot be opened"),
        ("sqlite:////proc/version", "cannot be"),
    ],
)
async def test_no_database(settings: Settings, url: str, says: str) -> None:
    """A database that cannot be used is named by its mistake."""
    assert says in await only(settings, "Database", "broken", database=url)


@pytest.mark.parametrize(
    ("version", "mark", "says"),
    [(None, "warning", "no tables yet"), ("0001", "warning", "earlier release"), ("9999", "broken", "does not know")],
)
async def test_tables(settings: Settings, tmp_path: Path, version: str | None, mark: str, says: str) -> None:
    """Tables of another release are told from none, and left as they are."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    database = Database(url)
    if version is not None:
        await migrate(database)
    async with database.write() as connection:
        if version is not None:
            await connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")
    await database.close()
    before = (tmp_path / "other.db").read_bytes()
    assert says in await only(settings, "Database", mark, database=url)
    assert (tmp_path / "other.db").read_bytes() == before


async def test_no_file(settings: Settings, tmp_path: Path) -> None:
    """A database file that is not there yet is not made by looking."""
    assert "no database file yet" in await only(
        settings, "Database", "warning", database=f"sqlite:///{tmp_path / 'none.db'}"
    )
    assert not (tmp_path / "none.db").exists()


async def test_read_only(settings: Settings, postgresql: Any) -> None:
    """A PostgreSQL is well, with its clock, until it may not be written."""
    server: PostgreSQL = await postgresql()
    name = await server.create_database()
    database = Database(server.url(name))
    try:
        await migrate(database)
        found = await seen(settings, database=server.url(name))
        assert [each.mark for each in (*found["Database"], *found["Clock"])] == ["well", "well"]
        async with database.write() as connection:
            await connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        assert "cannot be written" in await only(settings, "Database", "broken", database=server.url(name))
    finally:
        await database.close()
        await server.drop_database(name)


async def test_no_temporal(settings: Settings) -> None:
    """A Temporal that does not answer is named by its address."""
    port = free_port()
    assert f"127.0.0.1:{port}" in await only(settings, "Temporal", "broken", temporal_port=port)


async def test_namespace(settings: Settings, temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace that is not there, that forgets too soon, or that lacks our search attribute and our worker."""
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "bare")
    found = await seen(settings)
    assert [each.found for each in found["Temporal"]] == ["there is no namespace bare"]
    client = await connect(settings)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace="bare", workflow_execution_retention_period=Duration(seconds=3 * 86400))
    )

    async def known() -> bool:
        # It can be described at once; the server's other parts hear of it some moments later.
        found = await seen(settings)
        return "3 days" in found["Temporal"][0].found and "Worker" in found

    await wait_until(known, 30)
    found = await seen(settings)
    assert [each.mark for each in found["Temporal"]] == ["warning"]
    assert "--retention 90d" in found["Temporal"][0].todo
    assert [each.mark for each in found["Search attribute"]] == ["broken"]
    assert "search-attribute create --name UserId --type Keyword" in found["Search attribute"][0].todo
    assert [each.mark for each in found["Worker"]] == ["broken"]


async def test_no_worker(settings: Settings) -> None:
    """A task queue on which nobody works is named."""
    assert "task queue nobodys" in await only(settings, "Worker", "broken", task_queue="nobodys")


async def test_front_door(settings: Settings, world: World) -> None:
    """A front door that is not reached, is ill, or does not have the route of SendGrid's webhooks."""
    world.answers["/health"] = None
    assert "does not answer" in await only(settings, "Front door", "warning")
    world.answers["/health"] = reply(503, {})
    assert "/health answered 503" in await only(settings, "Front door", "broken")
    world.answers = {PATH: reply(404, {})}
    assert f"{PATH} answered 404" in await only(settings, "SendGrid's webhooks", "broken")
