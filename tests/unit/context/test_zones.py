"""Zones and countries: every name means one thing, everything else means nothing."""

from collections import Counter
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.countries import CODES, country_code
from context.zones import LARGEST_CITY, NAMES, zone_named, zone_of_country

ZONE_TAB = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines()
ROWS = [line.split("\t") for line in ZONE_TAB if line and not line.startswith("#")]


def test_every_zone_loads() -> None:
    """Every zone that is believed can be loaded."""
    assert all(ZoneInfo(name).key == name for name in NAMES.values())


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (" europe/berlin ", "Europe/Berlin"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("UTC", "UTC"),
    ],
)
def test_zone_named(value: str, zone: str) -> None:
    """A zone is known by any spelling of its IANA name."""
    assert zone_named(value) == zone


@pytest.mark.parametrize(
    "value", ["", "Berlin", "Europe", "Factory", "GMT+2", "+02:00", "../../etc/passwd", "Etc/Unknown", None, 3, ["UTC"]]
)
def test_no_zone(value: object) -> None:
    """What is no IANA name is no zone."""
    assert zone_named(value) is None


def test_every_country_has_a_zone() -> None:
    """Every country of the IANA table has one of its own zones."""
    own = {(row[0], row[2]) for row in ROWS}

    for country in {row[0] for row in ROWS}:
        assert (country, zone_of_country(country)) in own


def test_countries_with_several_zones_are_decided() -> None:
    """For a country with several zones the choice is written down, and for no other."""
    zones = Counter(row[0] for row in ROWS)

    assert set(LARGEST_CITY) == {country for country, count in zones.items() if count > 1}


def test_country_without_zone() -> None:
    """An uninhabited country, or none, has no zone; Kosovo has one though it has no code of its own."""
    assert zone_of_country("BV") is None
    assert zone_of_country(None) is None
    assert zone_of_country("XK") == "Europe/Belgrade"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("DE", "DE"),
        (" de ", "DE"),
        ("Germany", "DE"),
        ("United States", "US"),
        ("uk", "GB"),
        ("United Kingdom", "GB"),
        ("Côte d’Ivoire", "CI"),
        ("XK", "XK"),
    ],
)
def test_country(value: str, code: str) -> None:
    """A country is known by its code or its English name."""
    assert country_code(value) == code


@pytest.mark.parametrize("value", ["", "ZZ", "D", "Atlantis", None, 49, b"DE", {"code": "DE"}, "ß"])
def test_no_country(value: object) -> None:
    """What is no country is none."""
    assert country_code(value) is None


@given(st.text() | st.text(st.characters(categories=["Cs"])) | st.none() | st.integers() | st.lists(st.text()))
def test_garbage(value: object) -> None:
    """Whatever is sent as a zone or a country, nothing but a known one comes out."""
    assert zone_named(value) in {None, *NAMES.values()}
    assert country_code(value) in {None, *CODES.values()}
