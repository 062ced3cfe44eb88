"""Which part of a path is a user id: all of it, whatever it is made of, so that no door takes one id for another."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class PathId(Convertor[str]):
    """Starlette's own `path` ends before a newline: what it leaves of such an id may be somebody else's."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", PathId())
USER_ID = "{user_id:id}"
"""As a part of a route."""
