"""How long a request may take to arrive, and how large its head may be."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
"""Bytes of a request's line and headers."""


class Punctual(HttpToolsProtocol):
    """A connection that is cut when a request does not come to its end: neither uvicorn nor its parser minds.

    The first request's time begins with the connection; between requests uvicorn's own keep-alive timeout counts.
    """

    head_patience = 10.0
    """Seconds for line and headers."""
    whole_patience = 60.0
    """Seconds for the rest. Doors that read a body are stricter; this is for what nobody reads any more."""
    _overdue: asyncio.TimerHandle | None = None
    _head: int | None = 0
    """Bytes of the head that is on its way; None while there is none."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._expect(self.head_patience)

    def data_received(self, data: bytes) -> None:
        before = self._head
        super().data_received(data)
        if self._head is not None and before is not None:
            self._head += len(data)
            if self._head > HEAD_LIMIT and not self.transport.is_closing():
                self.send_400_response("The headers are larger than 64 kB.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = self._head or 0
        self._expect(self.head_patience)

    def on_headers_complete(self) -> None:
        self._head = None
        self._expect(self.whole_patience)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expect(None)
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        super().connection_lost(exc)

    def _expect(self, seconds: float | None) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
        self._overdue = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
