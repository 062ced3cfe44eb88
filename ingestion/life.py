"""Whether the parts of this process are alive: tasks that run for ever, and what is told when one ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from errors import PartDied

log = structlog.get_logger()


class Life:
    """The tasks of one part; the part is dead as soon as one of them has ended and nobody asked it to."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.over = asyncio.Event()
        """Set when the part has died."""
        self._reason = ""
        self._tasks: list[asyncio.Task[Any]] = []

    def begin(self, *tasks: Coroutine[Any, Any, Any]) -> None:
        """Run these until `end`."""
        self.over.clear()
        self._tasks = [asyncio.create_task(task) for task in tasks]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def end(self, *, cancel: bool = True) -> None:
        """Cancel what runs, or wait until it has ended as it was asked to; what a task died of has been told before."""
        tasks, self._tasks = self._tasks, []
        for task in tasks if cancel else ():
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise PartDied if the part is dead."""
        if self.over.is_set():
            raise PartDied(f"The {self.part} has died ({self._reason}); this process ends. Start it again.")

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task not in self._tasks or self.over.is_set():
            return
        error = None if task.cancelled() else task.exception()
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        # The type alone: texts may name people; what the operating system says does not.
        self._reason = type(error).__name__ if error else "it ended"
        if isinstance(error, OSError) and error.strerror:
            self._reason += f": {error.strerror}"
        self.over.set()
        log.error("a part of this process has died", part=self.part, error=self._reason)


@asynccontextmanager
async def living(*lives: Life) -> AsyncIterator[None]:
    """Cancel the block as soon as one of these dies, and raise PartDied in its place."""
    body = asyncio.current_task()
    assert body is not None

    async def watch() -> None:
        waiting = [asyncio.ensure_future(life.over.wait()) for life in lives]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        body.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if any(life.over.is_set() for life in lives):
            body.uncancel()
        for life in lives:
            life.check()
        raise
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
