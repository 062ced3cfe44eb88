"""Stores: read from a file with clear complaints, and found by distance."""

from math import isclose
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import context
from context.stores import Position, Store, kilometres, nearest, position, read_stores
from errors import SettingsError
from events import StoreDistance

DEMO = Path(context.__file__).with_name("data") / "stores.csv"
HEADER = "id,name,latitude,longitude,country"
LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)


def written(folder: Path, *lines: str) -> Path:
    path = folder / "stores.csv"
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return path


def test_demo_stores() -> None:
    """The demo shop has stores in eight cities."""
    stores = {store.id: store for store in read_stores(DEMO)}

    assert len(stores) == 8
    assert stores["linkoping-centrum"] == Store("linkoping-centrum", "Linköping Centrum", 58.4109, 15.6216, "SE")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("b,B,91,0,DE", "latitude must be a number from -90 to 90"),
        ("b,B,north,0,DE", "latitude must be a number"),
        ("b,B,nan,0,DE", "latitude must be a number"),
        ("b,B,0,180.5,DE", "longitude must be a number from -180 to 180"),
        ("b,B,0,1,Atlantis", "country must be an ISO 3166 code"),
        ("b,B,0,1", "needs 5 fields, has 4"),
        ("b,B,0,1,DE,extra", "needs 5 fields, has 6"),
        (",B,0,1,DE", "id and name must not be empty"),
        ("a,B,0,1,DE", "id must differ"),
        ('b,"B,0,1,DE', "unexpected end of data"),
    ],
)
def test_bad_row(tmp_path: Path, row: str, complaint: str) -> None:
    """A bad row is refused with its line and what it should be."""
    path = written(tmp_path, "a,A,52.5,13.4,DE", row)

    with pytest.raises(SettingsError, match=f"line 3: {complaint}"):
        read_stores(path)


@pytest.mark.parametrize("content", [b"", b"id;name\n", b"\n"])
def test_bad_header(tmp_path: Path, content: bytes) -> None:
    """A file without the header is refused with the header it needs."""
    path = tmp_path / "stores.csv"
    path.write_bytes(content)

    with pytest.raises(SettingsError, match=f"line 1: must be the header {HEADER}"):
        read_stores(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_unreadable(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or no text is one clear SettingsError."""
    path = tmp_path / "stores.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match="must be UTF-8 text"):
        read_stores(path)


def test_spreadsheet_export(tmp_path: Path) -> None:
    """A file saved by a spreadsheet, with a byte order mark, CRLF and blank lines, is read."""
    path = tmp_path / "stores.csv"
    path.write_bytes(f'\ufeff{HEADER}\r\n\r\na,"Mitte, Berlin", 52.5 ,13.4,de\r\n'.encode())

    assert read_stores(path) == (Store("a", "Mitte, Berlin", 52.5, 13.4, "DE"),)


def test_known_distance() -> None:
    """Berlin and Hamburg are 255 kilometres apart."""
    assert isclose(kilometres(52.5200, 13.4050, 53.5511, 9.9937), 255, abs_tol=1)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_distance_is_a_distance(north: float, east: float, other_north: float, other_east: float) -> None:
    """A distance is the same both ways, zero to itself, and at most half around the Earth."""
    away = kilometres(north, east, other_north, other_east)

    assert 0 <= away <= 20016
    assert isclose(away, kilometres(other_north, other_east, north, east), abs_tol=1e-6)
    assert kilometres(north, east, north, east) == 0


def test_three_nearest() -> None:
    """At most three stores within 100 kilometres are named, the nearest first."""
    stores = [Store(str(number), "S", 50 + number / 10, 10, "DE") for number in (12, 4, 1, 3, 2)]

    found = nearest(stores, Position(50, 10, 2.5))

    assert found == (
        StoreDistance(store="1", distance=11, accuracy=3),
        StoreDistance(store="2", distance=22, accuracy=3),
        StoreDistance(store="3", distance=33, accuracy=3),
    )
    assert nearest(stores, Position(40, 10, 1)) == ()


def test_across_the_date_line() -> None:
    """A store across the date line is near."""
    assert nearest([Store("fiji", "Fiji", -17, 179.9, "FJ")], Position(-17, -179.9, 1))[0].distance == 21


@given(LATITUDES, LONGITUDES, st.floats(0, 0.5))
def test_distances_give_no_position_away(north: float, east: float, accuracy: float) -> None:
    """However exactly a position is known, distance and accuracy are whole kilometres and at least one."""
    for found in nearest(read_stores(DEMO), Position(north, east, accuracy)):
        assert found.distance == int(found.distance)
        assert found.accuracy == 1


@pytest.mark.parametrize(
    "pair", [(0, 0), (91, 0), (0, 181), ("x", 1), (None, 1), (True, 1), (float("nan"), 1), ([], {})]
)
def test_no_coordinates(pair: tuple[object, object]) -> None:
    """What cannot be coordinates is no position."""
    assert position(*pair, 1) is None


def test_position_is_not_shown() -> None:
    """A position that slips into a log or an error shows no coordinates."""
    assert "52.5" not in repr(Position(52.5, 13.4, 1))
