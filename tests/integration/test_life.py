"""A process with a dead part: `/health` says which, the log says it once, and the process ends."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, event
from structlog.testing import capture_logs

from connect import connect, opened
from errors import PartDied
from ingestion.life import Life, living
from service import Service, serving
from settings import Settings
from stack import TemporalServer
from tests.door import somebody
from tests.programs import Place, Program, answers
from tests.servers import free_port, wait_until
from tests.stage import Stage
from workflows.catalogue import Catalogue


class Fault(BaseException):
    """What nobody expects, and no `except Exception` catches."""


@contextmanager
def breaking(words: str, home: Path) -> Iterator[None]:
    """Every statement on the database in `home` that begins with these words breaks whoever executes it."""

    def fail(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        # Other installations that live in this process keep their health.
        if statement.startswith(words) and Path(str(connection.engine.url.database)).parent == home:
            raise Fault

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


@asynccontextmanager
async def service(temporal: TemporalServer, home: Path) -> AsyncIterator[Service]:
    """Accept and relay, which a test may let die without being cancelled itself."""
    settings = Settings(data_dir=home, port=free_port(), task_queue=home.name, write_keys="wk")
    async with opened(settings) as database:
        client = await connect(settings, embedded=temporal.address)
        stage = Stage(settings, database, client, Catalogue.load())
        async with stage.relay, stage.acceptor:
            yield Service(settings, database, client, stage.catalogue, stage.acceptor, stage.relay)


def visitor(service: Service) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.settings.port}", trust_env=False, timeout=10)


async def forever() -> None:
    await asyncio.Event().wait()


async def breaks() -> None:
    raise Fault


async def test_a_task_that_ends() -> None:
    """A part is dead when one of its tasks has broken or just ended, and that is logged once; an end that was asked for is none."""
    with capture_logs() as lines:
        for task, reason in ((breaks(), "Fault"), (asyncio.sleep(0), "it ended")):
            life = Life("relay")
            life.begin(forever(), task, asyncio.sleep(0))
            await asyncio.wait_for(life.over.wait(), 5)
            with pytest.raises(PartDied, match=rf"The relay has died \({reason}\)"):
                life.check()
            await life.end()
        asked = Life("relay")
        asked.begin(forever())
        await asked.end()
        asked.check()
    assert [line["error"] for line in lines] == ["Fault", "it ended"]


async def test_the_block_ends() -> None:
    """What needs a part is cancelled when the part dies, and hears which one it was; a cancel from outside stays one."""
    life, other = Life("relay"), Life("acceptance of events")

    async def needs_both() -> None:
        async with living(other, life):
            life.begin(breaks())
            await forever()

    async def needs_one() -> None:
        async with asyncio.timeout(0.01), living(other):
            await forever()

    with pytest.raises(PartDied, match="relay"):
        await needs_both()
    await life.end()
    with pytest.raises(TimeoutError):
        await needs_one()


@pytest.mark.server
@pytest.mark.parametrize(
    ("words", "part"), [("WITH RECURSIVE", "relay"), ("SELECT entries", "relay"), ("INSERT INTO events", "acceptance")]
)
async def test_a_part_dies(temporal: TemporalServer, tmp_path: Path, words: str, part: str) -> None:
    """Whichever task dies, `/health` answers 503 and names its part, the log says it once, and nobody waits for an answer."""
    call = {"userId": somebody(), "event": "Signed Up", "messageId": "m"}
    async with service(temporal, tmp_path) as running, serving(running), visitor(running) as http:
        lives = (running.relay.life, running.acceptor.life)

        async def post() -> int:
            return (await http.post("/v1/track", json=call, auth=("wk", ""))).status_code

        assert (await http.get("/health")).status_code == 200
        with breaking(words, tmp_path), capture_logs() as lines:
            codes = [*await asyncio.gather(post(), post())]
            await wait_until(lambda: any(life.over.is_set() for life in lives))
            for _ in range(2):
                health = await http.get("/health")
                assert (health.status_code, health.headers["Retry-After"]) == (503, "2")
                assert part in health.json()["error"]
            codes.append(await post())
    assert set(codes) == ({503} if part == "acceptance" else {200})
    died = [line for line in lines if line["event"] == "a part of this process has died"]
    assert [(line["error"], line["part"].split()[0]) for line in died] == [("Fault", part)]


@pytest.mark.server
async def test_two_doors_on_one_port(temporal: TemporalServer, tmp_path: Path) -> None:
    """Of two front doors that take the same port at the same moment one serves, and the other does not wait for ever but says why."""
    async with service(temporal, tmp_path) as running:
        begun = asyncio.Event()
        enough = asyncio.Event()

        async def serve() -> None:
            async with serving(running):
                begun.set()
                await enough.wait()

        one, other = asyncio.create_task(serve()), asyncio.create_task(serve())
        await asyncio.wait([one, other], return_when=asyncio.FIRST_COMPLETED, timeout=10)
        await asyncio.wait_for(begun.wait(), 5)
        async with visitor(running) as http:
            assert (await http.get("/health")).status_code == 200
        enough.set()
        async with asyncio.timeout(20):
            results = await asyncio.gather(one, other, return_exceptions=True)
    (refused,) = [result for result in results if result is not None]
    assert isinstance(refused, PartDied)
    assert "front door" in str(refused)
    assert "Address already in use" in str(refused)


@pytest.mark.server
@pytest.mark.parametrize("command", ["serve", "run"])
async def test_the_process_ends(temporal: TemporalServer, tmp_path: Path, command: str) -> None:
    """`serve` and `run` do not stay half dead: when the relay has died they end with code 1 and say so in one line."""
    place = Place(tmp_path)
    if command == "serve":
        place.changes["TEMPORAL_ADDRESS"] = temporal.address
    program = Program(place, "starter.py", command)
    program.start()
    try:
        await answers(place)
        family = program.family()
        with sqlite3.connect(tmp_path / "journeyman.db") as database:
            # A moment that nobody can read; SQLite takes what it is given.
            database.execute(
                "INSERT INTO open_runs (journey, user_id, key, entry_id, entry_seq, state, due_at) "
                "VALUES ('win_back', 'u', '', 'e', 1, 'ending', 'soon')"
            )
        database.close()
        assert await program.ended() == 1
        text = program.log.read_text()
        assert text.count("a part of this process has died") == 1
        assert "error: The relay has died (ValueError); this process ends. Start it again." in text
        assert "Traceback" not in text
        await wait_until(lambda: not [each for each in family if each.is_running()])
    finally:
        program.end()
