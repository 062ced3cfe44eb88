"""How far a scenario is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

EVERY = 15.0
"""Seconds between two lines."""


class Meter:
    """Shows one scenario's progress on stderr; `with` puts the bar away at the end."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name
        self._said = time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._bar = self._progress.add_task(name, total=None)

    def show(self, what: str, done: int, of: int) -> None:
        """So much of that is done."""
        self._progress.update(self._bar, description=f"{self._name}: {what}", completed=done, total=of)
        if not self._console.is_terminal and time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            self._console.print(f"{self._name}: {what}, {done:,} of {of:,}")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
