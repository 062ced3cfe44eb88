"""How one HTTP call is over by its deadline, and how it is known whether a byte of it has left."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
import urllib.request
from functools import partial
from typing import Any


class Unsent(Exception):
    """The call was given up before the first byte of the request; not an OSError, which urllib would wrap."""


class Call:
    """One call that ends at `deadline` (monotonic seconds). Two threads agree through it: who called it off, and who began."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.has_begun = False
        """Whether a byte of the request may have left this machine."""
        self._is_off = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Asked before each byte that is sent; raises Unsent if none has left and none may any more."""
        with self._lock:
            if not self.has_begun and (self._is_off or time.monotonic() >= self.deadline):
                raise Unsent
            self.has_begun = True

    def call_off(self) -> bool:
        """From now on nothing leaves; False if something has."""
        with self._lock:
            self._is_off = not self.has_begun
            return self._is_off

    def left(self) -> float:
        """Seconds that remain; raises TimeoutError where none do."""
        if (left := self.deadline - time.monotonic()) <= 0 or self._is_off:
            raise TimeoutError
        return left

    def opener(self) -> urllib.request.OpenerDirector:
        """urllib's way out, with every step of the call within the deadline."""
        return urllib.request.build_opener(_Plain(self), _Secure(self))


def _reach(call: Call, address: tuple[str, int], *_: object) -> socket.socket:
    """As socket.create_connection does it, but all addresses share one deadline: there each has the whole of it."""
    host, port = address
    failed: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for family, kind, protocol, _name, place in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(call.left())
            connection.connect(place)
            return connection
        except OSError as error:
            connection.close()
            failed = error
    raise failed


class _Reading(io.RawIOBase):
    """An answer of which every piece has only what is left of the deadline; a trickling one would never end."""

    def __init__(self, call: Call, connection: socket.socket) -> None:
        self._call = call
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(self._call.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """An answer that is read within its call's deadline."""

    def __init__(self, call: Call, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Reading(call, sock))


class _Sending:
    """What both kinds of connection have in common, before the library's own way of sending."""

    call: Call
    sock: Any

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        self.call.begin()
        self.sock.settimeout(self.call.left())
        super().send(data)  # type: ignore[misc]


class _PlainConnection(_Sending, http.client.HTTPConnection):
    def __init__(self, call: Call, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _bind(self, call)


class _SecureConnection(_Sending, http.client.HTTPSConnection):
    def __init__(self, call: Call, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _bind(self, call)


def _bind(connection: Any, call: Call) -> None:
    connection.call = call
    connection.response_class = partial(Answer, call)
    connection._create_connection = partial(_reach, call)


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(partial(_PlainConnection, self._call), request)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(partial(_SecureConnection, self._call), request)
