"""Who walks through a rehearsal: somebody with a place, a device, a language and a mind about messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import product
from typing import Any, Literal

from workflows.clock import at_local, zone_of

Device = Literal["desktop", "mobile"]
MONDAY = datetime(2026, 3, 2, tzinfo=UTC).date()
"""The day on which a rehearsal begins, unless it is told otherwise."""
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"library": {"name": "analytics.js"}, "device": {"type": "desktop"}, "os": {"name": "Windows"}},
    "mobile": {"library": {"name": "analytics-ios"}, "device": {"type": "mobile"}, "os": {"name": "iOS"}},
}


@dataclass(frozen=True)
class Persona:
    """Somebody made up. All of it is told to the shipped accept in an identify call and in each event's context."""

    name: str = "Ada"
    zone: str = "Europe/Berlin"
    country: str = "DE"
    language: str = "en"
    device: Device = "desktop"
    email: bool = True
    """Whether there is an email address."""
    push: bool = False
    """Whether the device can be pushed to."""
    refuses: str = ""
    """The topic that they do not want to hear of; `*` for all."""
    there: bool = False
    """Whether they are on the site whenever something is due."""
    near: tuple[float, float] | None = None
    """Latitude and longitude of where they are, if the device tells."""
    hour: int = 12
    """At what hour of their own day it begins."""
    traits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def begins(self) -> datetime:
        """When their first event happens."""
        return at_local(MONDAY, time(self.hour), zone_of(self.zone))

    def traits_told(self, user: str) -> dict[str, Any]:
        """What an identify call says of them."""
        told = {"firstName": self.name, "timezone": self.zone, "country": self.country, "language": self.language}
        return told | ({"email": f"{user}@example.com"} if self.email else {}) | dict(self.traits)

    def context(self, user: str) -> dict[str, Any]:
        """What each of their events says of its circumstances."""
        told: dict[str, Any] = {key: dict(value) for key, value in DEVICES[self.device].items()}
        told["timezone"] = self.zone
        if self.push:
            told["device"]["token"] = f"token-of-{user}"
        if self.near is not None:
            place = {"latitude": self.near[0], "longitude": self.near[1], "accuracy": 100, "country": self.country}
            told["location"] = place
        return told

    def __str__(self) -> str:
        parts = [f"{self.device} in {self.zone}", self.language, f"from {self.hour:02}:00"]
        parts += ["no email address"] if not self.email else []
        parts += ["can be pushed to"] if self.push else []
        parts += ["wants no messages" if self.refuses == "*" else f"refuses {self.refuses}"] if self.refuses else []
        parts += ["always there"] if self.there else []
        parts += ["near a store"] if self.near else []
        return f"{self.name}: {', '.join(parts)}"


def personas(near: tuple[float, float] | None = None) -> tuple[Persona, ...]:
    """Few people in whom every circumstance that a journey or a rule looks at occurs; `near` is where a store is."""
    return (
        Persona("Ada", near=near),
        Persona("Ben", device="mobile", push=True, there=True, zone="America/New_York", country="US", hour=21),
        Persona("Chiyo", device="mobile", push=True, email=False, zone="Asia/Tokyo", country="JP", hour=23),
        Persona("Dora", language="de", refuses="*", zone="Europe/Vienna", country="AT", hour=7),
        Persona("Emil", language="de", email=False, zone="Australia/Lord_Howe", country="AU", hour=4),
    )


def crossed() -> Iterator[Persona]:
    """Everybody: each device with each zone, country and consent, at hours that fall into the day and into the night."""
    places = (("Europe/Berlin", "DE"), ("America/New_York", "US"), ("Asia/Kathmandu", "NP"), ("Pacific/Chatham", "NZ"))
    devices: tuple[Device, ...] = ("desktop", "mobile")
    for (device, refuses), (place, (zone, country)) in product(product(devices, ("", "*")), enumerate(places)):
        yield Persona(
            f"{device}-{country}-{'no' if refuses else 'yes'}",
            zone,
            country,
            device=device,
            push=device == "mobile",
            refuses=refuses,
            hour=(6 + 7 * place) % 24,
        )
