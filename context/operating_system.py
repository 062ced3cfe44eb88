"""Which operating system a name stands for, and what kind of device it usually runs on."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["mobile", "tablet", "desktop", "tv", "console", "bot", "unknown"]

USUAL_KIND: dict[str, Kind] = {
    "Android": "mobile",
    "BlackBerry OS": "mobile",
    "ChromeOS": "desktop",
    "FreeBSD": "desktop",
    "HarmonyOS": "mobile",
    "KaiOS": "mobile",
    "Linux": "desktop",
    "Roku": "tv",
    "Symbian OS": "mobile",
    "Tizen": "tv",
    "Windows": "desktop",
    "Windows Phone": "mobile",
    "iOS": "mobile",
    "iPadOS": "tablet",
    "macOS": "desktop",
    "tvOS": "tv",
    "visionOS": "unknown",
    "watchOS": "unknown",
    "webOS": "tv",
}

ALIASES = {
    "atv os x": "tvOS",
    "chrome os": "ChromeOS",
    "chromium os": "ChromeOS",
    "cros": "ChromeOS",
    "debian": "Linux",
    "fedora": "Linux",
    "fire os": "Android",
    "fireos": "Android",
    "gentoo": "Linux",
    "iphone os": "iOS",
    "mac": "macOS",
    "mac os": "macOS",
    "mac os x": "macOS",
    "macintosh": "macOS",
    "os x": "macOS",
    "osx": "macOS",
    "red hat": "Linux",
    "ubuntu": "Linux",
    "web0s": "webOS",
    "win32": "Windows",
    "windows mobile": "Windows Phone",
    "windows nt": "Windows",
}

NAMES = {name.lower(): name for name in USUAL_KIND} | ALIASES
VERSION = re.compile(r"[ /-]v?\d[\d._]*$")


def system_name(name: str) -> str | None:
    """Its usual spelling without version; None for a name that is not known, which is never passed on."""
    spelled = name.strip().lower()
    return NAMES.get(spelled) or NAMES.get(VERSION.sub("", spelled))
