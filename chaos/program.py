"""One of the shipped programs as a process of its own, started again whenever it has ended, as a supervisor does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from settings import ROOT


class Program:
    """`python <words>`; its output goes to a file."""

    def __init__(self, log: Path, environment: dict[str, str], *words: str, ready: str) -> None:
        """`ready` is what it says when it has begun its work."""
        self.kills = 0
        self._ready = ready.encode()
        self._said_before = 0
        self._log = log
        self._environment = environment
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that runs now; RuntimeError between two."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{' '.join(self._words)} does not run: {self.last_words()}")
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it has begun its work since it was last started."""
        if not self.is_alive:
            return False
        with self._log.open("rb") as log:
            log.seek(self._said_before)
            return self._ready in log.read()

    def start(self) -> None:
        """Start it, and again whenever it has ended, until `end`."""
        self._launch()
        self._keeping = asyncio.create_task(self._keep())

    def kill(self) -> bool:
        """`kill -9`; whether there was something to kill."""
        if self._process is None or self._process.poll() is not None:
            return False
        self._process.kill()
        self._process.wait(10)
        self.kills += 1
        return True

    def end(self) -> None:
        """Kill it for good; may be called at any time."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def last_words(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._said_before = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, *self._words],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            if not self.is_alive:
                self._launch()
