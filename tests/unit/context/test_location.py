"""Where a person is: who is believed, and what never leaves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import context
from context.location import Places
from context.make_demo_city import DEMO_CITY
from context.stores import read_stores
from errors import SettingsError
from events import Location, StoreDistance

STORES = read_stores(Path(context.__file__).with_name("data") / "stores.csv")
PLACES = Places(DEMO_CITY, STORES, "Europe/Vienna")
MAXMIND = Path(__file__).parents[4] / "shared" / "data" / "GeoLite2-City-Test.mmdb"

BERLIN, NEW_YORK = "192.0.2.1", "192.0.2.193"
SOMEWHERE_NEAR_MUNICH, US_ONLY, WITHOUT_ANYTHING = "198.51.100.129", "198.51.100.193", "203.0.113.1"
GPS = {"latitude": 53.5511, "longitude": 9.9937}


def locate(
    ip: str | None = None,
    context: Mapping[str, Any] | None = None,
    profile_zone: str | None = None,
    profile_country: str | None = None,
    places: Places = PLACES,
) -> Location:
    return places.locate(ip=ip, context=context or {}, profile_zone=profile_zone, profile_country=profile_country)


@pytest.mark.parametrize(
    ("profile", "event", "ip", "country", "zone", "source"),
    [
        ("Asia/Tokyo", "Europe/London", BERLIN, "US", "Asia/Tokyo", "profile"),
        ("Mars/Olympus", "Europe/London", BERLIN, "US", "Europe/London", "event"),
        (None, "Mars/Olympus", BERLIN, "US", "Europe/Berlin", "geoip"),
        ("", None, US_ONLY, None, "America/New_York", "country"),
        ("+02:00", "", WITHOUT_ANYTHING, "JP", "Asia/Tokyo", "country"),
        ("Factory", "GMT+2", WITHOUT_ANYTHING, "BV", "Europe/Vienna", "default"),
        (None, None, None, None, "Europe/Vienna", "default"),
    ],
)
def test_zone(
    profile: str | None, event: str | None, ip: str | None, country: str | None, zone: str, source: str
) -> None:
    """D8: an unknown or invalid zone falls to the next source, and the one that was believed is recorded."""
    found = locate(ip, {"timezone": event}, profile, country)

    assert (found.zone, found.zone_source) == (zone, source)


def test_default_zone_must_exist() -> None:
    """A default zone that does not exist is refused at the start."""
    with pytest.raises(SettingsError, match="IANA name"):
        Places(None, (), "Mars/Olympus")


def test_by_address() -> None:
    """An address gives country, region, zone and the stores that are near."""
    assert locate(BERLIN) == Location(
        country="DE",
        region="BE",
        zone="Europe/Berlin",
        zone_source="geoip",
        stores=(StoreDistance(store="berlin-mitte", distance=0, accuracy=5),),
    )


@pytest.mark.parametrize("ip", [None, "", "unknown", "192.0.2.256", "10.1.2.3", "203.0.113.200", WITHOUT_ANYTHING])
def test_address_that_says_nothing(ip: str | None) -> None:
    """A missing, private, malformed or unknown address, or one found without a country, is ordinary."""
    assert locate(ip) == Location(zone="Europe/Vienna", zone_source="default")


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("81.2.69.142", ("GB", "ENG", "Europe/London")),
        ("89.160.20.112", ("SE", "E", "Europe/Stockholm")),
        ("216.160.83.56", ("US", "WA", "America/Los_Angeles")),
        ("::ffff:81.2.69.142", ("GB", "ENG", "Europe/London")),
    ],
)
@pytest.mark.skipif(not MAXMIND.exists(), reason="MaxMind's test database is not on this machine")
def test_maxmind_database(ip: str, expected: tuple[str, str, str]) -> None:
    """MaxMind's own database is read as it is."""
    found = locate(ip, places=Places(MAXMIND, STORES))

    assert (found.country, found.region, found.zone) == expected


@pytest.mark.skipif(not MAXMIND.exists(), reason="MaxMind's test database is not on this machine")
def test_maxmind_radius() -> None:
    """The accuracy that MaxMind states is passed on."""
    found = locate("89.160.20.112", places=Places(MAXMIND, STORES))

    assert found.stores == (StoreDistance(store="linkoping-centrum", distance=1, accuracy=76),)


def test_radius_is_believed() -> None:
    """A store next to coordinates that may be 500 kilometres off is named with that accuracy."""
    assert locate(SOMEWHERE_NEAR_MUNICH).stores == (StoreDistance(store="munich-altstadt", distance=0, accuracy=500),)


def test_event_before_address() -> None:
    """What the event says of country, region and coordinates is believed before its address."""
    found = locate(NEW_YORK, {"location": {"country": "de", "region": "DE-HH", **GPS, "accuracy": 2500}})

    assert (found.country, found.region) == ("DE", "HH")
    assert found.stores == (StoreDistance(store="hamburg-altstadt", distance=0, accuracy=3),)


@pytest.mark.parametrize(
    ("location", "country", "region"),
    [
        ({"country": "Germany"}, "DE", "BE"),
        ({"country": "United States", "region": "California"}, "US", None),
        ({"country": "US", "region": "ca"}, "US", "CA"),
        ({"country": "US", "region": "DE-BE"}, "US", None),
        ({"region": "CA"}, "DE", "BE"),
        ({"country": "Atlantis", "region": "X"}, "DE", "BE"),
    ],
)
def test_region_belongs_to_country(location: dict[str, object], country: str, region: str | None) -> None:
    """A region is a code of the country that was believed, or is left out."""
    found = locate(BERLIN, {"location": location})

    assert (found.country, found.region) == (country, region)


def test_profile_country_is_last() -> None:
    """The profile's country counts where neither event nor address name one."""
    assert locate(BERLIN, profile_country="US").country == "DE"
    assert locate(None, profile_country="us").country == "US"


@pytest.mark.parametrize(
    ("accuracy", "kilometres"), [(None, 1), (8, 1), ("1200", 2), ("good", 1), (True, 1), (0, 1), (float("inf"), 1)]
)
def test_device_accuracy(accuracy: object, kilometres: int) -> None:
    """A device's coordinates are right to within the metres it says, else to within one kilometre."""
    found = locate(context={"location": {**GPS, "accuracy": accuracy}})

    assert found.stores == (StoreDistance(store="hamburg-altstadt", distance=0, accuracy=kilometres),)


@pytest.mark.parametrize("wrong", [{"latitude": 0, "longitude": 0}, {"latitude": 53.5}, {**GPS, "accuracy": -1}])
def test_coordinates_that_mean_unknown(wrong: dict[str, object]) -> None:
    """Where the device's coordinates mean "not known", those of the address count."""
    assert locate(BERLIN, {"location": wrong}).stores[0].store == "berlin-mitte"


def test_address_in_event() -> None:
    """The address that the event names is the person's; the request's may be a proxy's."""
    assert locate(NEW_YORK, {"ip": BERLIN}).country == "DE"
    assert locate(NEW_YORK, {"ip": "192.168.0.17"}).country == "US"
    assert locate(NEW_YORK, {"ip": ["garbage"]}).country == "US"


def test_who_does_not_want_to_be_found() -> None:
    """A client that sends 0.0.0.0 as its address is not located by that of the request."""
    assert locate(NEW_YORK, {"ip": "0.0.0.0"}).country is None


def test_backend_is_not_the_person() -> None:
    """A person whose backend sends the event is not located in the data centre."""
    library = {"library": {"name": "analytics-python"}}

    assert locate(NEW_YORK, library).country is None
    assert locate(NEW_YORK, {**library, "ip": BERLIN}).country == "DE"


def test_neither_address_nor_coordinates_leave() -> None:
    """Nothing of the address or the coordinates is in a Location."""
    written = locate(BERLIN, {"ip": NEW_YORK, "location": {**GPS, "city": "Hamburg"}}).model_dump_json()

    assert set(Location.model_fields) == {"country", "region", "zone", "zone_source", "stores"}
    assert not any(secret in written for secret in (BERLIN, NEW_YORK, "53.", "9.99", "Hamburg"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([BERLIN, "DE", "UTC"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
GARBAGE = st.fixed_dictionaries(
    {},
    optional={
        "location": JSON
        | st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("city", "country", "region", "latitude", "longitude", "accuracy"), JSON)
        ),
        "timezone": JSON,
        "ip": JSON,
        "library": JSON | st.fixed_dictionaries({"name": JSON}),
    },
)


@given(ip=st.none() | st.text(), context=GARBAGE, zone=st.none() | st.text(), country=st.none() | st.text())
def test_garbage(ip: str | None, context: dict[str, Any], zone: str | None, country: str | None) -> None:
    """Whatever a client sends, there is a Location with a zone that can be loaded."""
    found = locate(ip, context, zone, country)

    assert found.zone
    assert ZoneInfo(found.zone).key == found.zone
    assert found.country is None or len(found.country) == 2
    assert found.region is None or found.country
