"""How long a request may take to arrive, how large its head may be, and what is answered to what is no HTTP."""

from __future__ import annotations

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
"""Bytes of a request's line and headers."""
TOO_LARGE = "The headers are larger than 64 kB; send fewer."
NO_HTTP = "This is not HTTP/1.1 as it can be read here; no request was taken."
REFUSAL = (
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}"
)


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
    _arrived = 0
    """The same with what has just come, which may be the rest of the head and more."""
    _is_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._expect(self.head_patience)

    def data_received(self, data: bytes) -> None:
        before = self._head
        self._arrived = (before or 0) + len(data)
        super().data_received(data)
        if self._head is not None and before is not None:
            self._head += len(data)
            if self._head > HEAD_LIMIT and not self.transport.is_closing():
                self.send_400_response(TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = self._head or 0
        self._expect(self.head_patience)

    def on_headers_complete(self) -> None:
        if self._arrived > HEAD_LIMIT:  # a head may also come all at once, whatever its size
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            self._is_large = size > HEAD_LIMIT
            if self._is_large:
                raise ValueError(TOO_LARGE)  # which the parser tells as a request that it cannot read
        self._head = None
        self._expect(self.whole_patience)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expect(None)
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What no door answers is told as each of them would: uvicorn's own words are plain text."""
        told = TOO_LARGE if self._is_large or msg == TOO_LARGE else NO_HTTP
        body = json.dumps({"success": False, "error": told})
        self.transport.write(REFUSAL.format(len(body), body).encode())
        self.transport.close()

    def _expect(self, seconds: float | None) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
        self._overdue = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
