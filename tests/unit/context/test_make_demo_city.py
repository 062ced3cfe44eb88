"""The demo's city database is what its script makes."""

from pathlib import Path

import geoip2.database
import maxminddb

from context.make_demo_city import DEMO_CITY, NETWORKS, write


def test_committed_file_is_what_the_script_makes(tmp_path: Path) -> None:
    """The file in the repository holds the same networks and records as one made now."""
    write(tmp_path / "made.mmdb")

    with maxminddb.open_database(tmp_path / "made.mmdb") as made, maxminddb.open_database(DEMO_CITY) as committed:
        assert dict(made) == dict(committed)
        assert sorted(map(str, dict(committed).values())) == sorted(map(str, NETWORKS.values()))


def test_geoip2_reads_it() -> None:
    """GeoIP2's own reader understands every record."""
    with geoip2.database.Reader(DEMO_CITY) as reader:
        for network, record in NETWORKS.items():
            found = reader.city(network.split("/")[0])
            assert found.country.iso_code == record.get("country", {}).get("iso_code")
            assert found.city.name == record.get("city", {}).get("names", {}).get("en")
            assert found.location.accuracy_radius == record.get("location", {}).get("accuracy_radius")
