"""Whether a request comes from this very machine."""

from __future__ import annotations

from starlette.requests import Request

LOOPBACK = frozenset({"127.0.0.1", "::1"})
"""Addresses of this machine; a proxy in front says in X-Forwarded-For whom it speaks for."""


def is_local(request: Request) -> bool:
    """Whether whoever asks sits at this machine, and so could read the database's files too."""
    return request.client is not None and request.client.host in LOOPBACK
