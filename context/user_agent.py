"""What a user agent string says about a device."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from ua_parser import DefaultedResult, Parser, load_lazy_builtins

from context.library import Platform, library_platform
from context.operating_system import USUAL_KIND, Kind, system_name

APP_SYSTEMS = {"Android", "HarmonyOS", "Roku", "Tizen", "iOS", "iPadOS", "tvOS", "visionOS", "watchOS", "webOS"}

TV = re.compile(
    r"smart-?tv|hbbtv|apple ?tv|google ?tv|android ?tv|bravia|crkey|netcast|roku|web0s|(?-i:\bAFT[A-Z0-9]+\b)",
    re.IGNORECASE,
)
CONSOLE = re.compile(r"playstation|nintendo|xbox", re.IGNORECASE)
# Internet Explorer on a desktop names the Tablet PC services.
TABLET = re.compile(r"ipad|tablet(?! ?pc)|playbook|kindle", re.IGNORECASE)
MOBILE = re.compile(r"mobi|iphone|ipod|opera mini", re.IGNORECASE)
FAMILY = re.compile(r"[A-Za-z0-9 .+!/_-]{1,40}")


@dataclass(frozen=True)
class Agent:
    """What was recognised; `platform` is "server" for a program that is neither a browser nor an app."""

    platform: Platform
    kind: Kind | None = None
    os: str | None = None
    browser: str | None = None


@lru_cache(maxsize=2000)
def read_user_agent(agent: str) -> Agent | None:
    """What a user agent header or `context.userAgent` says; None for an empty one."""
    if not agent:
        return None
    found = _parser().parse(agent).with_defaults()
    os = system_name(found.os.family)
    if found.device.family == "Spider":
        return Agent("web", "bot", os)
    if not agent.startswith(("Mozilla/", "Opera/")):
        if os in APP_SYSTEMS:
            return Agent("app", _kind(agent, os, found), os)
        return Agent(library_platform(agent.split("/")[0]) or "server")
    family = found.user_agent.family
    browser = family if family != "Other" and FAMILY.fullmatch(family) else None
    return Agent("web", _kind(agent, os, found), os, browser)


def _kind(agent: str, os: str | None, found: DefaultedResult) -> Kind | None:
    if TV.search(agent):
        return "tv"
    if CONSOLE.search(agent):
        return "console"
    if TABLET.search(agent):
        return "tablet"
    if MOBILE.search(agent) or found.device.brand == "Generic":
        return "mobile"
    # A browser on Android says Mobile on telephones only; the agent of an Android app says it nowhere.
    if os == "Android" and agent.startswith("Mozilla/"):
        return "tablet"
    return USUAL_KIND.get(os) if os else None


@cache
def _parser() -> Parser:
    return Parser.from_matchers(load_lazy_builtins())
