"""Where the person is, as far as a journey may know it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from context.city_database import NOWHERE, Address, CityDatabase, address_in
from context.countries import country_code
from context.fields import field, group, number, text
from context.library import library_of
from context.stores import Position, Store, nearest, position
from context.zones import zone_named, zone_of_country
from errors import SettingsError
from events import Location

Source = Literal["profile", "event", "geoip", "country"]

GPS_ACCURACY = 1.0
REGION = re.compile(r"(?:([A-Z]{2})-)?([A-Z0-9]{1,3})", re.ASCII | re.IGNORECASE)

# Not `is_private`: that also holds the documentation ranges, on which the demo lives.
BEHIND_A_ROUTER = tuple(
    ip_network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


class Places:
    """Turns what an event carries into a Location, which holds neither address nor coordinates."""

    def __init__(
        self,
        database: Path | None,
        stores: Sequence[Store],
        default_zone: str = "UTC",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises SettingsError for a default zone that does not exist; a database that cannot be read is ordinary."""
        zone = zone_named(default_zone)
        if zone is None:
            raise SettingsError("The default time zone must be an IANA name such as Europe/Berlin.")
        self._default_zone = zone
        self._stores = tuple(stores)
        self._cities = CityDatabase(database, clock)

    def locate(
        self, *, ip: str | None, context: Mapping[str, Any], profile_zone: str | None, profile_country: str | None
    ) -> Location:
        """Where the person is; never raises.

        `ip` is the address that the event came from, `context` Segment's as the client sent it. The event is believed
        before its address, and the address before the profile's country.
        """
        address = _address(context, ip)
        found = self._cities.find(address) if address else NOWHERE
        told = group(context, "location")
        told_country = country_code(told.get("country"))
        country = told_country or found.country
        region = _region(told.get("region"), told_country)
        if region is None and country is not None and country == found.country:
            region = found.region
        country = country or country_code(profile_country)
        here = _position(told) or found.position
        beliefs: tuple[tuple[Source, object], ...] = (
            ("profile", profile_zone),
            ("event", field(context, "timezone")),
            ("geoip", found.zone),
            ("country", zone_of_country(country)),
        )
        zones = ((source, zone_named(name)) for source, name in beliefs)
        source, zone = next(((source, zone) for source, zone in zones if zone), ("default", self._default_zone))
        return Location(
            country=country,
            region=region,
            zone=zone,
            zone_source=source,
            stores=nearest(self._stores, here) if here else (),
        )


def _address(context: Mapping[str, Any], ip: str | None) -> Address | None:
    """The person's address: the one in the event, unless it is a private network's; else the one it came from.

    A backend's own address is not the person's. A client that wants not to be found sends 0.0.0.0, which is nowhere.
    """
    own = address_in(field(context, "ip"))
    if own and not any(own in network for network in BEHIND_A_ROUTER):
        return own
    return None if library_of(context) == "server" else address_in(ip)


def _region(value: object, country: str | None) -> str | None:
    """The code in "BE" or "DE-BE"; None for a name, or without the country in which the code means something."""
    match = REGION.fullmatch(text(value))
    if match is None or country is None or (match[1] or country).upper() != country:
        return None
    return match[2].upper()


def _position(told: Mapping[str, Any]) -> Position | None:
    """The device's own coordinates; `accuracy` is sent in metres, negative where they are not valid (Apple)."""
    metres = number(told.get("accuracy"))
    if metres is not None and metres < 0:
        return None
    return position(told.get("latitude"), told.get("longitude"), metres / 1000 if metres else GPS_ACCURACY)
