"""Where the documentation addresses are in the demo; `python -m context.make_demo_city` writes the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

DEMO_CITY = Path(__file__).with_name("data") / "demo-city.mmdb"

Record = dict[str, Any]


def _city(
    name: str, region: str, country: str, zone: str | None, latitude: float, longitude: float, radius: int | None
) -> Record:
    """A record in the schema of GeoIP2 City; `radius` in kilometres. DB-IP gives neither zone nor radius."""
    location: Record = {"latitude": latitude, "longitude": longitude}
    if radius is not None:
        location["accuracy_radius"] = radius
    if zone is not None:
        location["time_zone"] = zone
    return {
        "city": {"names": {"en": name}},
        "country": {"iso_code": country},
        "location": location,
        "subdivisions": [{"iso_code": region}],
    }


BERLIN = _city("Berlin", "BE", "DE", "Europe/Berlin", 52.5196, 13.4069, 5)
HAMBURG = _city("Hamburg", "HH", "DE", "Europe/Berlin", 53.5544, 9.9946, 10)
LONDON = _city("London", "ENG", "GB", "Europe/London", 51.5142, -0.0931, 10)
NEW_YORK = _city("New York", "NY", "US", "America/New_York", 40.7306, -73.9866, 5)
TOKYO = _city("Tokyo", "13", "JP", "Asia/Tokyo", 35.6893, 139.6899, 20)
LINKOPING = _city("Linköping", "E", "SE", "Europe/Stockholm", 58.4167, 15.6167, 20)
SOMEWHERE_NEAR_MUNICH = _city("Munich", "BY", "DE", "Europe/Berlin", 48.1374, 11.5759, 500)
VIENNA_AS_DB_IP = _city("Vienna", "9", "AT", None, 48.2082, 16.3738, None)
COUNTRY_ONLY: Record = {"country": {"iso_code": "US"}}
FOUND_WITHOUT_ANYTHING: Record = {}

NETWORKS: dict[str, Record] = {
    "192.0.2.0/26": BERLIN,
    "192.0.2.64/26": HAMBURG,
    "192.0.2.128/26": LONDON,
    "192.0.2.192/26": NEW_YORK,
    "198.51.100.0/26": TOKYO,
    "198.51.100.64/26": LINKOPING,
    "198.51.100.128/26": SOMEWHERE_NEAR_MUNICH,
    "198.51.100.192/26": COUNTRY_ONLY,
    "203.0.113.0/26": FOUND_WITHOUT_ANYTHING,
    "203.0.113.64/26": VIENNA_AS_DB_IP,
    "2001:db8:1::/48": BERLIN,
    "2001:db8:2::/48": HAMBURG,
    "2001:db8:3::/48": LONDON,
    "2001:db8:4::/48": NEW_YORK,
    "2001:db8:5::/48": TOKYO,
    "2001:db8:6::/48": LINKOPING,
    "2001:db8:7::/48": SOMEWHERE_NEAR_MUNICH,
    "2001:db8:8::/48": COUNTRY_ONLY,
    "2001:db8:9::/48": FOUND_WITHOUT_ANYTHING,
}
"""The rest of the documentation ranges is not in the database: 203.0.113.128 is nowhere."""


def write(path: Path) -> None:
    """Write the database of the demo to that file."""
    writer = MMDBWriter(
        ip_version=6,
        ipv4_compatible=True,
        database_type="Journeyman-Demo-City",
        languages=["en"],
        description="Documentation addresses (RFC 5737, RFC 3849) in real cities",
    )
    for network, record in NETWORKS.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))


if __name__ == "__main__":
    write(DEMO_CITY)
