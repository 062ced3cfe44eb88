"""Where an IP address is, by a city database that may be missing, broken, or replaced at any time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from geoip2.database import Reader
from geoip2.errors import AddressNotFoundError
from maxminddb import InvalidDatabaseError

from context.countries import country_code
from context.fields import number, text
from context.stores import Position, position

Address = IPv4Address | IPv6Address
Stamp = tuple[int, int, int]

# What a record, or a whole file, that is not what it says it is makes the reader raise.
BROKEN = (InvalidDatabaseError, OSError, ValueError, TypeError, AttributeError, KeyError)
BETWEEN_CHECKS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Place:
    """What the database knows of an address; `region` is the largest subdivision, as in ISO 3166-2."""

    country: str | None = None
    region: str | None = None
    zone: str | None = None
    position: Position | None = None


NOWHERE = Place()


class CityDatabase:
    """A GeoIP2-City, GeoLite2-City or DB-IP City file, read again when it changes; without one, nothing is found."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._reader: Reader | None = None
        self._stamp: Stamp | None = None
        self._complaint = ""
        self._next_check = clock() + BETWEEN_CHECKS
        self._refresh()

    def find(self, address: Address) -> Place:
        """Where the address is; never raises."""
        now = self._clock()
        if now >= self._next_check:
            self._next_check = now + BETWEEN_CHECKS
            self._refresh()
        if self._reader is None:
            return NOWHERE
        try:
            return _place(self._reader, address)
        except (AddressNotFoundError, *BROKEN):
            return NOWHERE

    def _refresh(self) -> None:
        """Take the file if it is a new one; keep what is in use where the new one is not whole."""
        if self._path is None:
            return
        stamp = None
        try:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            reader = _open(self._path)
            if _stamp(self._path) != stamp:
                return  # still being written: looked at again at the next check
        except OSError as error:
            self._complain("cannot be read", error)
        except BROKEN as error:
            self._stamp = stamp  # not looked at again until it changes
            self._complain("not a whole city database", error)
        else:
            self._reader, self._stamp, self._complaint = reader, stamp, ""

    def _complain(self, reason: str, error: Exception) -> None:
        if reason != self._complaint:
            log.warning("city database not taken", path=str(self._path), reason=reason, error=type(error).__name__)
        self._complaint = reason


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _open(path: Path) -> Reader:
    """A reader that has shown on a few hundred addresses that it works."""
    # The reader maps its file into memory. Were it the original, writing over that in place would kill this process.
    with TemporaryDirectory(prefix="journeyman-", ignore_cleanup_errors=True) as folder:
        reader = Reader(shutil.copyfile(path, Path(folder) / "city.mmdb"))
    if "City" not in reader.metadata().database_type:
        raise InvalidDatabaseError("a database of another type")
    for first in range(1, 224):
        try:
            _place(reader, IPv4Address(f"{first}.1.1.1"))
        except AddressNotFoundError:
            continue
    return reader


def _place(reader: Reader, address: Address) -> Place:
    found = reader.city(address)
    here = found.location
    radius = number(here.accuracy_radius)
    return Place(
        # Some addresses are found without a country; where such a network is registered says nothing of the person.
        country=country_code(found.country.iso_code),
        region=text(found.subdivisions[0].iso_code) or None if found.subdivisions else None,
        zone=text(here.time_zone) or None,
        # Without a radius nobody knows how far off the coordinates are.
        position=position(here.latitude, here.longitude, radius) if radius is not None and radius >= 0 else None,
    )


def address_in(value: object) -> Address | None:
    """The IP address in a text; None for anything else."""
    try:
        found = ip_address(text(value))
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
