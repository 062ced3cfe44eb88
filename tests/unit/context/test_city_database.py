"""The city database: missing, broken or replaced, a look-up never fails."""

import os
import shutil
from ipaddress import ip_address
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from context.city_database import NOWHERE, CityDatabase, address_in
from context.make_demo_city import DEMO_CITY

BERLIN = ip_address("192.0.2.1")


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def database_of(path: Path, record: object, kind: str = "Test-City") -> Path:
    """A database that says the same of all addresses from 192.0.2.0 to 192.0.2.255."""
    writer = MMDBWriter(ip_version=4, database_type=kind)
    writer.insert_network(IPSet(["192.0.2.0/24"]), record)  # type: ignore[arg-type]
    writer.to_db_file(str(path))
    return path


def test_known_address() -> None:
    """An address in the database is found with country, region, zone and how far off it may be."""
    place = CityDatabase(DEMO_CITY).find(BERLIN)

    assert (place.country, place.region, place.zone) == ("DE", "BE", "Europe/Berlin")
    assert place.position
    assert place.position.accuracy == 5


@pytest.mark.parametrize(
    "address", ["203.0.113.200", "10.0.0.1", "127.0.0.1", "::1", "fe80::1%eth0", "0.0.0.0", "203.0.113.1"]
)
def test_unknown_address(address: str) -> None:
    """A private address, one that is not in the database, and one that is there without a country are nowhere."""
    assert CityDatabase(DEMO_CITY).find(ip_address(address)) == NOWHERE


def test_no_radius() -> None:
    """Coordinates of which nobody says how exact they are, are not believed."""
    place = CityDatabase(DEMO_CITY).find(ip_address("203.0.113.65"))

    assert place.country == "AT"
    assert place.position is None


def test_without_file(tmp_path: Path) -> None:
    """Without a database, or with a missing one, every address is nowhere."""
    assert CityDatabase(None).find(BERLIN) == NOWHERE
    assert CityDatabase(tmp_path / "none.mmdb").find(BERLIN) == NOWHERE
    assert CityDatabase(tmp_path).find(BERLIN) == NOWHERE


@pytest.mark.parametrize(
    "content", [b"", b"not a database", DEMO_CITY.read_bytes()[:-200], DEMO_CITY.read_bytes()[200:]]
)
def test_broken_file(tmp_path: Path, content: bytes) -> None:
    """With a broken database every address is nowhere."""
    (tmp_path / "city.mmdb").write_bytes(content)

    assert CityDatabase(tmp_path / "city.mmdb").find(BERLIN) == NOWHERE


def test_database_of_another_type(tmp_path: Path) -> None:
    """A database of networks or of connection types is not taken for one of cities."""
    assert (
        CityDatabase(database_of(tmp_path / "asn.mmdb", {"country": {"iso_code": "DE"}}, "Test-ASN")).find(BERLIN)
        == NOWHERE
    )


@pytest.mark.parametrize(
    "record",
    [
        "DE",
        ["DE"],
        {"country": "DE"},
        {"country": {"iso_code": ["DE"]}},
        {"country": {"iso_code": "Atlantis"}},
        {"location": {"latitude": "north", "longitude": 1000.5, "accuracy_radius": 5}},
        {"location": ["here"]},
        {"subdivisions": "BE"},
    ],
)
def test_strange_record(tmp_path: Path, record: object) -> None:
    """A record that is not what the schema says is nowhere."""
    assert CityDatabase(database_of(tmp_path / "city.mmdb", record)).find(BERLIN) == NOWHERE


def test_replaced_file(tmp_path: Path) -> None:
    """A new file is in use a second after it has taken the old one's place, and not looked at more often."""
    clock = Clock()
    path = Path(shutil.copy(DEMO_CITY, tmp_path / "city.mmdb"))
    cities = CityDatabase(path, clock)
    assert cities.find(BERLIN).country == "DE"

    database_of(tmp_path / "new.mmdb", {"country": {"iso_code": "FR"}}).replace(path)
    clock.now += 0.9
    assert cities.find(BERLIN).country == "DE"
    clock.now += 0.1
    assert cities.find(BERLIN).country == "FR"


def test_file_that_comes_later(tmp_path: Path) -> None:
    """A file that was not there at the start is used once it is."""
    clock = Clock()
    cities = CityDatabase(tmp_path / "city.mmdb", clock)
    shutil.copy(DEMO_CITY, tmp_path / "city.mmdb")

    clock.now += 1
    assert cities.find(BERLIN).country == "DE"


def test_half_written_file(tmp_path: Path) -> None:
    """While a file is written over in place, or is gone, the old one stays in use; the whole new one is taken."""
    clock = Clock()
    path = Path(shutil.copy(DEMO_CITY, tmp_path / "city.mmdb"))
    cities = CityDatabase(path, clock)
    new = database_of(tmp_path / "new.mmdb", {"country": {"iso_code": "FR"}}).read_bytes()

    for content in (b"", new[:50], new[:-20]):
        path.write_bytes(content)
        clock.now += 1
        assert cities.find(BERLIN).country == "DE"
    path.unlink()
    clock.now += 1
    assert cities.find(BERLIN).country == "DE"

    path.write_bytes(new)
    clock.now += 1
    assert cities.find(BERLIN).country == "FR"


def test_complaint_once(tmp_path: Path) -> None:
    """A broken file is complained about once, not every second."""
    clock = Clock()
    path = tmp_path / "city.mmdb"
    path.write_bytes(b"not a database")
    with capture_logs() as logged:
        cities = CityDatabase(path, clock)
        for later in range(3):
            os.utime(path, (later, later))
            clock.now += 1
            cities.find(BERLIN)

    assert [line["event"] for line in logged] == ["city database not taken"]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 2001:db8:1::1 ", "2001:db8:1::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:443", None),
        ("192.0.2.256", None),
        ("", None),
        (None, None),
        (3221225985, None),
        (b"\xc0\x00\x02\x01", None),
    ],
)
def test_address(value: object, address: str | None) -> None:
    """An address is read from text only, and an IPv4 address in IPv6's clothes is IPv4."""
    assert address_in(value) == (ip_address(address) if address else None)
