"""Which websites' pages may speak to the front door from a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from errors import SettingsError

ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\*\.)?([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?")
USUAL = {"http": ":80", "https": ":443"}
"""Ports that browsers leave out."""


@dataclass(frozen=True)
class Origins:
    """An allow-list of origins: scheme, host and port, as browsers write them."""

    exact: frozenset[str] = frozenset()
    wild: frozenset[tuple[str, str]] = frozenset()
    """What stands before and after the one label that may be any."""
    own: str = ""
    """That of the front door itself, which needs no leave."""
    everyone: bool = False

    def __contains__(self, origin: str) -> bool:
        known = self.everyone or origin in self.exact or bool(origin and origin == self.own)
        return known or re.fullmatch(self.pattern, origin) is not None

    @property
    def pattern(self) -> str:
        """A regular expression for the wildcards, and for nothing where there is none."""
        return "|".join(f"{re.escape(start)}[a-z0-9-]+{re.escape(end)}" for start, end in sorted(self.wild)) or "(?!)"


def read_origins(text: str, front_door: str = "") -> Origins:
    """`https://shop.example.com, https://*.example.com`, or `*` for all; `front_door` is our own address.

    `*.` stands for one label, as in certificates. SettingsError for what is no origin.
    """
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    exact, wild = set[str](), set[tuple[str, str]]()
    for word in words:
        if word == "*":
            continue
        found = ORIGIN.fullmatch(word.removesuffix("/"))
        if found is None or (found[2] and "." not in found[3]):
            raise SettingsError(
                f"JOURNEYMAN_CORS: {word!r} is no origin; write https://shop.example.com, https://*.example.com, or * for all."
            )
        scheme, star, host, port = found.groups()
        rest = host + (port if port and port != USUAL.get(scheme) else "")
        if star:
            wild.add((f"{scheme}://", f".{rest}"))
        else:
            exact.add(f"{scheme}://{rest}")
    parts = urlsplit(front_door)
    own = f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""
    return Origins(frozenset(exact), frozenset(wild), own, "*" in words)
