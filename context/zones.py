"""Which IANA time zone a name or a country stands for, by the tables of the tzdata package."""

from __future__ import annotations

from importlib.resources import files

from context.fields import text

LARGEST_CITY = {
    "AQ": "Antarctica/McMurdo",
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "FM": "Pacific/Chuuk",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Gaza",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "UM": "Pacific/Wake",
    "US": "America/New_York",
    "UZ": "Asia/Tashkent",
}
"""The zone of the largest city, for each country that has several."""


def _lines(*path: str) -> list[str]:
    found = files("tzdata").joinpath(*path).read_text(encoding="utf-8").splitlines()
    return [line for line in found if line and not line.startswith("#")]


def _by_country() -> dict[str, str]:
    rows = (line.split("\t") for line in _lines("zoneinfo", "zone.tab"))
    return {row[0]: row[2] for row in rows} | LARGEST_CITY | {"XK": "Europe/Belgrade"}


# Only names that the tzdata package itself holds: every worker can load those, whatever its machine has installed.
NAMES = {name.lower(): name for name in _lines("zones") if name != "Factory"}
BY_COUNTRY = _by_country()


def zone_named(value: object) -> str | None:
    """The zone of that name in its usual spelling; None where there is no such zone."""
    return NAMES.get(text(value).lower())


def zone_of_country(code: str | None) -> str | None:
    """The country's only zone, or that of its largest city; None for a country without one."""
    return BY_COUNTRY.get(code) if code else None
