"""Through which channel a person can be reached at this moment, and why not through the others."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from messages import Channel
from profiles.addresses import Addresses
from profiles.person import Person
from storage.consents import EVERY, Consents, consents_of, dead
from storage.facts import newest_first
from storage.population import population_of
from storage.profiles import behaviour_of
from workflows.profile import Consent, Profile
from workflows.requests import MessageRequest, SendRequest

from .front_matter import MessageDetails
from .policy import Policy

UNREACHED: dict[Channel, str] = {
    "in_app": "the person is not there just now",
    "push": "no push token",
    "email": "no email address",
    "webhook": "no endpoint",
}


class Reach:
    """Judges channels inside the transaction that claims a message, so that a refusal committed before the claim wins."""

    def __init__(self, policy: Policy, addresses: Addresses) -> None:
        self._policy = policy
        self._addresses = addresses

    def channels(self, person: Person, now: datetime) -> tuple[Channel, ...]:
        """Channels with an address, in-app only while the person is there."""
        active = person.last_seen_at is not None and now - person.last_seen_at <= self._policy.active
        return person.channels(active=active)

    async def told(self, connection: AsyncConnection, person: Person, now: datetime) -> Profile:
        """What a journey may know of the person, without the channels of which they have refused everything."""
        consents, user = await consents_of(connection, person.user_id), person.user_id
        pairs = [(pair, True) for pair in consents.given] + [(pair, False) for pair in consents.refused]
        return person.profile(
            now,
            behaviour=(await behaviour_of(connection, [user], now))[user],
            population=await population_of(connection),
            active="in_app" in self.channels(person, now),
            blocked=frozenset(channel for channel in UNREACHED if consents.refuses(channel, EVERY)),
            dates=self._policy.dates,
            traits=self._policy.traits,
            consent=[Consent(channel=channel, topic=topic, given=given) for (channel, topic), given in sorted(pairs)],
        )

    async def open_to(self, connection: AsyncConnection, person: Person, now: datetime) -> frozenset[Channel]:
        """Channels that could reach the person now, of which they have not refused everything, and no address is dead."""
        consents, found = await consents_of(connection, person.user_id), set[Channel]()
        for channel in self.channels(person, now):
            if not consents.refuses(channel, EVERY) and await self._dead(connection, person, channel) is None:
                found.add(channel)
        return frozenset(found)

    async def choose(
        self,
        connection: AsyncConnection,
        request: SendRequest,
        person: Person,
        details: Callable[[MessageRequest], MessageDetails],
        refused: Container[str | None],
        now: datetime,
    ) -> MessageRequest | str:
        """The first message whose channel reaches the person, or why none does."""
        reach, consents, reasons = self.channels(person, now), await consents_of(connection, person.user_id), []
        for message in request.messages:
            channel = message.channel
            hindrance = await self._pointless(connection, request, message)
            if hindrance is None and channel in refused:
                hindrance = "refused by the provider"
            elif hindrance is None and channel not in reach:
                hindrance = UNREACHED[channel]
            elif hindrance is None:
                hindrance = self._unwanted(consents, channel, details(message))
            if hindrance is None:
                hindrance = await self._dead(connection, person, channel)
            if hindrance is None:
                return message
            reasons.append(f"{channel}: {hindrance}")
        return "; ".join(reasons)

    async def _pointless(
        self, connection: AsyncConnection, request: SendRequest, message: MessageRequest
    ) -> str | None:
        if message.unless:
            walk = request.walk
            async for event in newest_first(connection, walk.user, message.unless, since=walk.entry_seq):
                return f"{event.event_name} came first"
        return None

    def _unwanted(self, consents: Consents, channel: Channel, details: MessageDetails) -> str | None:
        if details.kind == "transactional" or (channel == "webhook" and details.kind != "marketing"):
            return None  # A webhook reaches a program; only what it says to be marketing is about to reach the person.
        if consents.refuses(channel, details.topic):
            return "unsubscribed or suppressed"
        if details.topic in self._policy.opt_in and not consents.asks_for(channel, details.topic):
            return f"has not asked for {details.topic}"
        return None

    async def _dead(self, connection: AsyncConnection, person: Person, channel: Channel) -> str | None:
        """Why the person's address of that channel is not tried."""
        if channel != "email" or person.email is None:
            return None  # A push address that is gone is dropped with the answer that says so.
        reason = await dead(connection, channel, self._addresses.hash(channel, person.email))
        return None if reason is None else f"the address is dead: {reason}"
