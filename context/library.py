"""Which kind of program a tracking library runs in, judged by its name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from context.fields import field, group, text

Platform = Literal["web", "app", "server"]

APP = {
    "android",
    "capacitor",
    "cordova",
    "expo",
    "flutter",
    "ios",
    "kotlin",
    "mobile",
    "native",
    "swift",
    "unity",
    "xamarin",
}
SERVER = {
    "csharp",
    "dotnet",
    "elixir",
    "go",
    "golang",
    "java",
    "net",
    "node",
    "perl",
    "php",
    "python",
    "ruby",
    "rust",
    "server",
}
WEB = {"browser", "gtm", "javascript", "js", "web"}


def library_of(context: object) -> Platform | None:
    """Where the library runs that Segment's `context.library.name` names."""
    return library_platform(text(field(group(context, "library"), "name")))


@lru_cache(maxsize=256)
def library_platform(name: str) -> Platform | None:
    """Where a library of that name runs, such as `analytics-python` on a server; None for a name that does not tell."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    # React Native and Node also call themselves JavaScript, so the web comes last.
    if words & APP:
        return "app"
    if words & SERVER:
        return "server"
    return "web" if words & WEB else None
