"""The shipped programs as processes of their own, as an operator starts, stops and kills them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from settings import ROOT
from tests.servers import free_port, wait_until

KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


class Place:
    """A data directory and free ports, as the environment of a process names them."""

    def __init__(self, home: Path, **changes: str) -> None:
        self.home = home
        self.port, self.temporal_port, self.ui_port = free_port(), free_port(), free_port()
        self.changes = changes

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the tests' own environment that could mean something to the programs."""
        names = {
            "DATA_DIR": str(self.home),
            "PORT": str(self.port),
            "TEMPORAL_PORT": str(self.temporal_port),
            "UI_PORT": str(self.ui_port),
            "WRITE_KEYS": "wk",
            "SECRET": "a secret of the tests",
            "QUIET_HOURS": "",
            "CAP": "0",
        }
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return kept | {f"JOURNEYMAN_{name}": value for name, value in names.items()} | self.changes


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


async def command(place: Place, *words: str, timeout: float = 40, **changes: str | None) -> Said:
    """Run a program of the project to its end; `changes` are variables set, or removed by None."""
    wanted = {name: value for name, value in (place.environment | changes).items() if value is not None}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words), cwd=ROOT, env=wanted, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


class Program:
    """One long-running program; its output goes to a file beside its data."""

    def __init__(self, place: Place, *words: str, **changes: str) -> None:
        self._place = place
        self._words = words
        self._changes = changes
        self._process: subprocess.Popen[bytes] | None = None
        self.log = place.home / f"{'-'.join(words)}.log"

    def start(self) -> None:
        """Start it, in a group of its own."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._words],
                cwd=ROOT,
                env=self._place.environment | self._changes,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def says(self, words: str, timeout: float = 40) -> None:
        """Wait until it has said so since it was made."""

        def said() -> bool:
            assert self._process is not None
            text = self.log.read_text()
            assert self._process.poll() is None, text
            return words in text

        await wait_until(said, timeout)

    def kill(self) -> None:
        """`kill -9`; returns when it is gone."""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        self._process.kill()
        self._process.wait(10)
        self.log.rename(self.log.with_suffix(f".{self._process.pid}.log"))

    async def interrupt(self, timeout: float = 15) -> int:
        """Ctrl-C; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            return await asyncio.to_thread(self._process.wait, timeout)
        except subprocess.TimeoutExpired:
            left = [process.cmdline()[-3:] for process in self.family()]
            raise AssertionError(f"still there {timeout} s after Ctrl-C: {left}\n{self.log.read_text()}") from None

    async def ended(self, timeout: float = 30) -> int:
        """Wait until it has ended by itself; returns the exit code."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, timeout)

    def family(self) -> list[psutil.Process]:
        """The process and all it has started."""
        assert self._process is not None
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]

    def end(self) -> None:
        """Kill it if it still runs; for the end of a test."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


async def answers(place: Place, timeout: float = 40) -> None:
    """Wait until the front door of that place is healthy."""

    async def healthy() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                return (await http.get(f"http://127.0.0.1:{place.port}/health")).status_code == 200
        except httpx.TransportError:
            return False

    await wait_until(healthy, timeout)


def ended(programs: list[Program]) -> Iterator[None]:
    """For fixtures: whatever a test has left running is killed."""
    yield
    for program in programs:
        program.end()
