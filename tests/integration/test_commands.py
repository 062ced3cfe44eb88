"""What a person at the command line is told when something is wrong: one clear line, and nothing half done."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.programs import Place, Program, Said, answers, command
from tests.servers import wait_until

STARTER, WORKER = "starter.py", "worker.py"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data")


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody listens there."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield


def one_line(said: Said) -> str:
    """The line on stderr that says what to do; there is nothing else."""
    assert said.code == 1, said
    assert said.out == ""
    text = said.err.strip()
    assert "Traceback" not in text
    assert text.count("\n") == 0, text
    assert text.startswith(("error: ", "worker: "))
    return text


@pytest.mark.parametrize(
    ("port", "variable"),
    [("port", "JOURNEYMAN_PORT"), ("temporal_port", "JOURNEYMAN_TEMPORAL_PORT"), ("ui_port", "JOURNEYMAN_UI_PORT")],
)
async def test_a_port_is_taken(place: Place, port: str, variable: str) -> None:
    """`run` says which of its ports is taken and which variable to set, and leaves no process behind."""
    before = set(psutil.Process().children(recursive=True))
    with taken(number := getattr(place, port)):
        text = one_line(await command(place, STARTER, "run"))
    assert str(number) in text
    assert variable in text
    assert not [
        child
        for child in psutil.Process().children(recursive=True)
        if child not in before and "temporal" in child.name()
    ]


@pytest.mark.parametrize("words", [(WORKER,), (STARTER, "serve")])
@pytest.mark.parametrize("address", [None, "127.0.0.1:1", "nohost.invalid:7233", "no address at all"])
async def test_no_temporal(place: Place, words: tuple[str, ...], address: str | None) -> None:
    """Without a Temporal server worker and front door say where they looked, and which variable to set."""
    text = one_line(await command(place, *words, TEMPORAL_ADDRESS=address))
    assert (address or f"127.0.0.1:{place.temporal_port}") in text
    assert "TEMPORAL_ADDRESS" in text


@pytest.mark.parametrize("words", [(WORKER,), (STARTER, "serve"), (STARTER, "run"), (STARTER, "story", "u")])
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "no database URL"),
        ("mysql://somebody:hunter2@127.0.0.1/x", "mysql"),
        ("postgresql+asyncpg://somebody:hunter2@127.0.0.1:1/x", "cannot be opened"),
        ("sqlite:////proc/nowhere/journeyman.db", "cannot be opened"),
    ],
)
async def test_no_database(place: Place, words: tuple[str, ...], url: str, told: str) -> None:
    """A database that cannot be used is named by its variable and its mistake; its password is not repeated."""
    text = one_line(await command(place, *words, JOURNEYMAN_DATABASE=url))
    assert "JOURNEYMAN_DATABASE" in text
    assert told in text
    assert "hunter2" not in text


@pytest.mark.parametrize("words", [(WORKER,), (STARTER, "serve"), (STARTER, "run"), (STARTER, "key")])
async def test_no_place_to_write(place: Place, words: tuple[str, ...]) -> None:
    """A data directory that cannot be made is named by its variable."""
    place.changes |= {"JOURNEYMAN_DATA_DIR": "/proc/nowhere"}
    text = one_line(await command(place, *words, JOURNEYMAN_WRITE_KEYS=None))
    assert "JOURNEYMAN_DATA_DIR" in text
    assert "/proc/nowhere" in text


@pytest.mark.parametrize("words", [(WORKER,), (STARTER, "run"), (STARTER, "emit", "u", "Signed Up")])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOURNEYMAN_QUIET_HOURS", "late"),
        ("JOURNEYMAN_QUIET_HOURS", "22-25"),
        ("JOURNEYMAN_PORT", "http"),
        ("JOURNEYMAN_PORT", "0"),
        ("JOURNEYMAN_UI_PORT", "70000"),
        ("JOURNEYMAN_CAPS", "too many"),
    ],
)
async def test_a_wrong_setting(place: Place, words: tuple[str, ...], name: str, value: str) -> None:
    """A setting that is wrong is named before anything is started or written."""
    place.changes |= {name: value}
    text = one_line(await command(place, *words))
    assert name in text
    assert not place.home.exists()


async def test_no_front_door(place: Place) -> None:
    """`emit` and `identify` without a front door say how to start one."""
    for words in (("emit", "u", "Signed Up"), ("identify", "u", "plan=pro")):
        text = one_line(await command(place, STARTER, *words))
        assert f"127.0.0.1:{place.port}" in text
        assert "python starter.py run" in text


async def test_no_pair(place: Place) -> None:
    """What is no name=value pair is shown with an example."""
    for odd in ("cart", "[/red]", "=1"):
        text = one_line(await command(place, STARTER, "emit", "u", "Cart Updated", odd))
        assert odd in text
        assert "value=59.90" in text


async def test_nobody(place: Place) -> None:
    """`story` of somebody who was never heard of says so."""
    assert "Nobody with the id u-1" in one_line(await command(place, STARTER, "story", "u-1"))


async def test_help(place: Place) -> None:
    """`--help` names every command; without any command the same is shown, and a word that is none is refused with code 2."""
    said = await command(place, STARTER, "--help")
    assert said.code == 0
    for name in ("run", "serve", "consume", "emit", "identify", "story", "doctor", "unknown", "events", "key", "demo"):
        assert name in said.out
    assert (await command(place, STARTER)).code == 2
    wrong = await command(place, STARTER, "fly")
    assert wrong.code == 2
    assert "No such command" in wrong.err
    assert (await command(place, STARTER, "emit", "u")).code == 2
    assert not place.home.exists()


async def test_key(place: Place) -> None:
    """The write key is made once, also for those who ask at the same time, and only its owner may read it."""
    asked = [command(place, STARTER, "key", JOURNEYMAN_WRITE_KEYS=None) for _ in range(4)]
    first, *others = await asyncio.gather(*asked)
    assert {(said.code, said.out) for said in others} == {(0, first.out)}
    assert len(first.out.strip()) >= 32
    assert [path.name for path in place.home.iterdir()] == ["write-key"]
    assert (place.home / "write-key").stat().st_mode & 0o077 == 0
    assert (await command(place, STARTER, "key", JOURNEYMAN_WRITE_KEYS="own")).out == "own\n"


@pytest.mark.server
async def test_the_whole_stack(place: Place) -> None:
    """`run` brings everything up, `emit` and `story` work against it, a wrong key is refused in words, and Ctrl-C ends it all."""
    place.home.mkdir()
    stack = Program(place, STARTER, "run")
    stack.start()
    try:
        await stack.says("Ctrl-C stops everything")
        await answers(place)
        family = stack.family()
        assert len(family) >= 2
        assert (await command(place, STARTER, "identify", "u-1", "email=ada@example.com")).code == 0
        sent = await command(
            place, STARTER, "emit", "u-1", "Cart Updated", "cart_id=c-1", "value=59.90", "currency=EUR"
        )
        assert (sent.code, sent.err) == (0, "")
        refused = one_line(await command(place, STARTER, "emit", "u-1", "Signed Up", JOURNEYMAN_WRITE_KEYS="wrong"))
        assert "python starter.py key" in refused
        assert "value" in one_line(await command(place, STARTER, "emit", "u-1", "Cart Updated", "cart_id=c", "value=x"))
        story = await command(place, STARTER, "story", "u-1")
        assert story.code == 0
        assert "cart_abandonment/u-1/c-1" in story.out
        assert "ada@example.com" not in story.out
        second = await command(Place(place.home), STARTER, "run")
        assert "Another Temporal server uses" in one_line(second)
        assert await stack.interrupt() in (0, 130)
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == []
        text = stack.log.read_text()
        assert "Traceback" not in text
        assert "ada@example.com" not in text
    finally:
        stack.end()


@pytest.mark.server
async def test_interrupted_while_starting(place: Place) -> None:
    """Ctrl-C before everything is up ends it as cleanly."""
    place.home.mkdir()
    stack = Program(place, STARTER, "run")
    stack.start()
    try:
        family = await wait_until(lambda: stack.family()[1:] and stack.family())
        assert await stack.interrupt() in (0, 130)
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == []
        assert "Traceback" not in stack.log.read_text()
    finally:
        stack.end()
