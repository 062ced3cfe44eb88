"""Which country a code or a name stands for, as ISO 3166-1 alpha-2."""

from __future__ import annotations

from importlib.resources import files

from context.fields import text

ALIASES = {
    "america": "US",
    "bosnia and herzegovina": "BA",
    "czechia": "CZ",
    "england": "GB",
    "great britain": "GB",
    "holland": "NL",
    "ivory coast": "CI",
    "kosovo": "XK",
    "macao": "MO",
    "myanmar": "MM",
    "north korea": "KP",
    "northern ireland": "GB",
    "republic of korea": "KR",
    "russian federation": "RU",
    "scotland": "GB",
    "south korea": "KR",
    "the netherlands": "NL",
    "türkiye": "TR",
    "u.s.": "US",
    "u.s.a.": "US",
    "uk": "GB",
    "united kingdom": "GB",
    "united states of america": "US",
    "usa": "US",
    "viet nam": "VN",
    "wales": "GB",
}


def _names() -> dict[str, str]:
    rows = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return {name.lower(): code for code, name in (row.split("\t") for row in rows if not row.startswith("#"))}


NAMES = _names() | ALIASES
# Kosovo has no code of its own yet; XK is the user-assigned one that location databases use.
CODES = {code.lower(): code for code in NAMES.values()}


def country_code(value: object) -> str | None:
    """The code for a code or an English name; None for anything else."""
    spelled = text(value).lower()
    return CODES.get(spelled) or NAMES.get(spelled)
