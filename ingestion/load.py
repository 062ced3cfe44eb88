"""How much may wait for a commit before a front door says that it is too busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from errors import TooBusy

AFTER = 1
"""Seconds after which a client that was refused may try again."""


class Load:
    """Events and bytes that have been read and are not answered yet. Where nothing waits, any one request is let in."""

    def __init__(self, most_events: int, most_bytes: int) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self.events = 0
        self.bytes = 0

    @contextmanager
    def of_body(self, size: int) -> Iterator[None]:
        """One more body of that size, unpacked; TooBusy where it does not fit beside the others."""
        if (self.bytes and self.bytes + size > self._most_bytes) or self.events >= self._most_events:
            raise TooBusy(TOO_BUSY)
        self.bytes += size
        try:
            yield
        finally:
            self.bytes -= size

    @contextmanager
    def of_events(self, count: int) -> Iterator[None]:
        """As many more events; TooBusy where they do not fit beside the others."""
        if self.events and self.events + count > self._most_events:
            raise TooBusy(TOO_BUSY)
        self.events += count
        try:
            yield
        finally:
            self.events -= count


TOO_BUSY = "Too many events wait to be stored, and nothing of this was; send it again in a moment."
