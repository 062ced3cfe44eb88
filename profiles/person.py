"""Who a person is after each of their events, and how much of it a journey may know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from zoneinfo import available_timezones

from events import Activity, EmailClicked, EmailOpened, Event, OrderCompleted, Product
from messages import Channel
from workflows.clock import zone_of
from workflows.profile import Consent, Dated, Did, Profile

from .best_hour import best_hour
from .dates import Every, date_shown
from .habits import affinities, best_channel, device_for, doing_of, engagement
from .push_addresses import installation
from .scores import Population
from .segments import segments_of

ZONES = available_timezones()
ADDRESS = re.compile(r"@|^[\s()+./-]*(\d[\s()+./-]*){7,}$")
"""What may be an address or a phone number, which no trait brings into Temporal."""
NOBODY_ELSE = Population()
NO_DATES: Mapping[str, Every] = MappingProxyType({})
LONGEST_TRAIT = 100


@dataclass
class Person:
    """One row of `people`, open for change inside one transaction."""

    user_id: str
    created_at: datetime
    traits: dict[str, Any] = field(default_factory=dict)
    zone: str | None = None
    """The time zone the profile states."""
    seen_zone: str | None = None
    """The time zone of the newest event that told one."""
    country: str | None = None
    language: str | None = None
    last_seen_at: datetime | None = None
    last_order_at: datetime | None = None
    orders: int = 0
    spent: Decimal = Decimal(0)
    currency: str | None = None
    categories: dict[str, int] = field(default_factory=dict)
    tokens: list[dict[str, str]] = field(default_factory=list)
    hours: dict[str, int] = field(default_factory=dict)
    """How often the person was there in each hour of their own day, "0" to "23"."""
    devices: dict[str, int] = field(default_factory=dict)
    """How often the person did what on which kind of device, as "browse mobile" or "buy desktop"."""

    def learn(self, traits: dict[str, Any]) -> None:
        """Take over traits as Segment's identify sends them; None removes one."""
        for name, value in traits.items():
            if value is None:
                self.traits.pop(name, None)
            else:
                self.traits[name] = value
        zone = _text(traits.get("timezone"))
        if zone in ZONES:
            self.zone = zone
        address = traits.get("address")
        country = _text(traits.get("country")) or (_text(address.get("country")) if isinstance(address, dict) else None)
        if country and len(country) == 2:
            self.country = country.upper()
        language = _text(traits.get("language")) or _text(traits.get("locale"))
        if language and len(language) <= 35:
            self.language = language.replace("_", "-")

    def hold(self, kind: str, value: str) -> None:
        """Remember a push address, a registration token or an installation id, as that of the device used last.

        It takes the place of an older one of the same installation: both would reach the same screen.
        """
        others = [entry for entry in self.tokens if installation(entry["value"]) != installation(value)]
        self.tokens = [*others, {"kind": kind, "value": value}][-10:]

    def drop(self, value: str) -> None:
        """Forget a push address that reaches nobody any more."""
        self.tokens = [entry for entry in self.tokens if entry["value"] != value]

    def attend(self, moment: datetime) -> None:
        """Count a visit, or a message that was looked at, for the hour of the person's own day."""
        hour = str(moment.astimezone(zone_of(self.believed_zone)).hour)
        self.hours = self.hours | {hour: self.hours.get(hour, 0) + 1}

    def see(self, event: Event) -> None:
        """Count an event that was just accepted."""
        if isinstance(event, Activity | EmailOpened | EmailClicked):
            self.attend(event.occurred_at)
        if isinstance(event, Activity):
            self.last_seen_at = max(self.last_seen_at or event.occurred_at, event.occurred_at)
        if (doing := doing_of(event)) is not None:
            self.devices = self.devices | {doing: self.devices.get(doing, 0) + 1}
        if isinstance(event, Product) and event.category:
            self.categories[event.category] = self.categories.get(event.category, 0) + 1
        if isinstance(event, OrderCompleted):
            self.orders += 1
            self.last_order_at = max(self.last_order_at or event.occurred_at, event.occurred_at)
            if None in (self.currency, event.currency) or self.currency == event.currency:
                self.spent, self.currency = self.spent + event.value, self.currency or event.currency
            for product in event.products:
                # Not by its quantity: fuel and cloth are sold by thousands of units, and would be everybody's favourites.
                if product.category:
                    self.categories[product.category] = self.categories.get(product.category, 0) + 3

    @property
    def believed_zone(self) -> str | None:
        """The profile's zone before that of the newest event."""
        return self.zone or self.seen_zone

    @property
    def email(self) -> str | None:
        """The address, if it can be one."""
        value = _text(self.traits.get("email"))
        return value if value and "@" in value else None

    @property
    def profile_complete(self) -> bool:
        """Whether a first name and a birthday are known."""
        return bool(self.first_name and _text(self.traits.get("birthday")))

    @property
    def first_name(self) -> str | None:
        """The first name, or the first word of the whole one."""
        whole = _text(self.traits.get("name")) or ""
        return (
            _text(self.traits.get("firstName"))
            or _text(self.traits.get("first_name"))
            or next(iter(whole.split()), None)
        )

    def channels(self, *, active: bool) -> tuple[Channel, ...]:
        """Channels with an address to send to; in-app only while the person is there, a webhook needs nothing of the person."""
        reach: list[tuple[Channel, bool]] = [
            ("in_app", active),
            ("push", bool(self.tokens)),
            ("email", self.email is not None),
            ("webhook", True),
        ]
        return tuple(channel for channel, reachable in reach if reachable)

    def profile(
        self,
        now: datetime,
        *,
        behaviour: Sequence[Did] = (),
        population: Population = NOBODY_ELSE,
        active: bool = False,
        blocked: frozenset[str] = frozenset(),
        dates: Mapping[str, Every] = NO_DATES,
        traits: frozenset[str] | None = frozenset(),
        consent: Sequence[Consent] = (),
    ) -> Profile:
        """What a journey may know: no name, no address, no token; of the traits in `dates` only what is a date.

        `traits` names others that it may know, None every one, which is for conditions alone. `behaviour` is what the
        person did by the events that are stored, `population` what their scores are measured by.
        """
        plain = {name: value for name, value in self.traits.items() if isinstance(value, str | int | float)}
        whole = Profile(
            user_id=self.user_id,
            language=self.language,
            country=self.country,
            zone=self.believed_zone,
            created_at=self.created_at,
            last_seen_at=self.last_seen_at,
            last_order_at=self.last_order_at,
            orders=self.orders,
            spent=self.spent,
            currency=self.currency,
            profile_complete=self.profile_complete,
            favourite_category=max(self.categories, key=lambda name: (self.categories[name], name), default=None),
            # A webhook reaches a program, not the person.
            channels=tuple(channel for channel in self.channels(active=active) if channel not in blocked | {"webhook"}),
            dates=tuple(
                Dated(trait=trait, date=date) for trait in sorted(dates) if (date := self.date(trait, dates[trait]))
            ),
            traits=plain,
            behaviour=tuple(behaviour),
            scores=population.scores(self.last_order_at, self.orders, self.spent, self.currency),
            engagement=engagement(behaviour),
            affinities=affinities(self.categories),
            browses_on=device_for("browse", self.devices),
            buys_on=device_for("buy", self.devices),
            best_channel=best_channel(behaviour),
            best_hour=best_hour(self.hours),
            consent=tuple(consent),
        )
        told = (
            plain
            if traits is None
            else {name: plain[name] for name in traits & plain.keys() if _is_harmless(plain[name])}
        )
        return whole.model_copy(update={"segments": segments_of(whole, now), "traits": told})

    def date(self, trait: str, every: Every = "once") -> str | None:
        """What a journey may know of the date in that trait; None where it holds none."""
        return date_shown(self.traits.get(trait), every)


def _is_harmless(value: object) -> bool:
    return not isinstance(value, str) or (len(value) <= LONGEST_TRAIT and not ADDRESS.search(value))


def _text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None
