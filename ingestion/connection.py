"""How long somebody may leave what we say unread."""

from __future__ import annotations

import asyncio

from .punctual import Punctual


class Connection(Punctual):
    """A connection that is cut when its reader has been more behind than its buffer holds for `patience` seconds.

    Nobody else could: an application that no longer wants to write cannot say so, and a polite close waits until all that
    is in the buffer has been read.
    """

    patience = 10.0
    _cutting: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cutting = self.loop.call_later(self.patience, self.transport.abort)

    def resume_writing(self) -> None:
        self._read_on()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._read_on()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        super().shutdown()
        if self._cutting is not None:
            self.transport.abort()  # the server stops, and would wait for who does not read

    def _read_on(self) -> None:
        if self._cutting is not None:
            self._cutting.cancel()
            self._cutting = None
