"""Where the shop's stores are, and which of them are near a position."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from math import asin, ceil, cos, radians, sin, sqrt
from pathlib import Path

from context.countries import country_code
from context.fields import number
from errors import SettingsError
from events import StoreDistance

HEADER = ["id", "name", "latitude", "longitude", "country"]
EARTH_RADIUS = 6371.0088
DEGREE = 111.2
"""Kilometres between two parallels one degree apart, rounded up."""


@dataclass(frozen=True)
class Store:
    """One store; `country` is ISO 3166-1 alpha-2."""

    id: str
    name: str
    latitude: float
    longitude: float
    country: str


@dataclass(frozen=True)
class Position:
    """Coordinates, right to within `accuracy` kilometres; never logged, never passed on."""

    latitude: float = field(repr=False)
    longitude: float = field(repr=False)
    accuracy: float


def position(latitude: object, longitude: object, accuracy: float) -> Position | None:
    """The position, if these are coordinates."""
    north, east = number(latitude), number(longitude)
    if north is None or east is None or abs(north) > 90 or abs(east) > 180:
        return None
    # Clients send 0, 0 for "not known".
    return Position(north, east, accuracy) if north or east else None


def kilometres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance between two pairs of coordinates in degrees."""
    north, other_north = radians(latitude), radians(other_latitude)
    half_east = radians(other_longitude - longitude) / 2
    chord = sin((other_north - north) / 2) ** 2 + cos(north) * cos(other_north) * sin(half_east) ** 2
    return 2 * EARTH_RADIUS * asin(min(1.0, sqrt(chord)))


def nearest(
    stores: Iterable[Store], here: Position, *, within: float = 100, most: int = 3
) -> tuple[StoreDistance, ...]:
    """At most `most` stores within so many kilometres, the nearest first; both numbers are whole kilometres.

    Exact distances to three stores would be a coordinate; so no accuracy better than one kilometre is given either.
    """
    found = sorted((away, store.id) for store, away in _distances(stores, here, within) if away <= within)
    accuracy = max(1, ceil(here.accuracy))
    return tuple(StoreDistance(store=store, distance=round(away), accuracy=accuracy) for away, store in found[:most])


def _distances(stores: Iterable[Store], here: Position, within: float) -> Iterator[tuple[Store, float]]:
    for store in stores:
        # Most stores are ruled out by their latitude, without trigonometry.
        if abs(store.latitude - here.latitude) * DEGREE <= within + 1:
            yield store, kilometres(here.latitude, here.longitude, store.latitude, store.longitude)


def read_stores(path: Path) -> tuple[Store, ...]:
    """The stores in a CSV file (id,name,latitude,longitude,country); raises SettingsError naming the wrong line."""
    try:
        written = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The file of stores {path} must be UTF-8 text: {type(error).__name__}.") from error
    rows = csv.reader(StringIO(written), strict=True)
    stores: dict[str, Store] = {}
    try:
        if next(rows, None) != HEADER:
            raise ValueError(f"must be the header {','.join(HEADER)}")
        for row in filter(None, rows):
            store = _store(row)
            if store.id in stores:
                raise ValueError("id must differ from every other store's")
            stores[store.id] = store
    except (ValueError, csv.Error) as error:
        line = max(1, rows.line_num)
        raise SettingsError(f"The file of stores {path} is wrong in line {line}: {error}.") from error
    return tuple(stores.values())


def _store(row: list[str]) -> Store:
    if len(row) != len(HEADER):
        raise ValueError(f"needs {len(HEADER)} fields, has {len(row)}")
    store, name, latitude, longitude, country = (value.strip() for value in row)
    if not store or not name:
        raise ValueError("id and name must not be empty")
    north, east, code = number(latitude), number(longitude), country_code(country)
    if north is None or abs(north) > 90:
        raise ValueError("latitude must be a number from -90 to 90")
    if east is None or abs(east) > 180:
        raise ValueError("longitude must be a number from -180 to 180")
    if code is None:
        raise ValueError("country must be an ISO 3166 code of two letters")
    return Store(store, name, north, east, code)
