"""How an event is taken: stored once for ever, with everything that follows from it, before anyone hears 200."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

import tracing
from context.device import device_of
from context.location import Places
from errors import EventConflict, EventError, JourneymanError, PartDied
from events import Context
from meters import EVENTS
from profiles.dates import Every
from profiles.person import NO_DATES, Person
from storage.acceptance import add_events, add_routes, claim_anonymous, digests_of, lock_anonymous, owners_of
from storage.consents import adopt_consent, put_consent
from storage.database import DATABASE, UNREACHABLE, Database
from storage.people import lock_people, read_carts, write_carts, write_people

from .consequences import Consequences, Stored
from .incoming import LATENESS, Incoming
from .life import Life
from .opaque import Opaque

GROUP = 200
COUNTERS = ((EVENTS.labels("new"), True), (EVENTS.labels("known"), False))


@dataclass(slots=True)
class Call:
    """Events that were handed over together, and are sent again together. One future for all: one for each costs 5 µs."""

    results: list[bool | Exception | None]
    left: int
    settled: asyncio.Future[None]
    error: Exception | None = None
    """What the database raised for one of them; those behind it are not stored then: they would come before it."""


@dataclass(slots=True)
class Waiting:
    """An event that somebody waits to be told of."""

    message: Incoming
    call: Call
    place: int

    def settle(self, result: bool | Exception | None) -> None:
        """Tell it, unless nobody waits any more."""
        if isinstance(result, DATABASE) and not isinstance(result, IntegrityError):
            self.call.error = result
        if result is None or self.call.results[self.place] is not None:
            return
        self.call.results[self.place] = result
        self.call.left -= 1
        if not self.call.left and not self.call.settled.done():
            self.call.settled.set_result(None)


class Acceptor:
    """Takes events in groups: whatever waits while one group commits goes into the next."""

    def __init__(
        self,
        database: Database,
        *,
        relevant: frozenset[str],
        places: Places,
        opaque: Opaque,
        dates: Mapping[str, Every] = NO_DATES,
        committed: Callable[[Iterable[str]], None] = lambda users: None,
        lateness: timedelta = LATENESS,
    ) -> None:
        """`relevant` names what the relay must see; `committed` is told of whom, after each commit.

        Anonymous events older than `lateness` are not routed when their person is named.
        """
        self._database = database
        self._relevant = relevant
        self._places = places
        self._opaque = opaque
        self._dates = dates
        self._lateness = lateness
        self._committed = committed
        self._waiting: list[Waiting] = []
        self._wake = asyncio.Event()
        self._alike: tuple[Any, Context] | None = None
        """What the context of a message was looked up by, and found: the messages of a batch mostly share it."""
        self.life = Life("acceptance of events")

    async def __aenter__(self) -> Acceptor:
        self.life.begin(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.life.end()

    async def accept(self, messages: Sequence[Incoming]) -> list[bool | JourneymanError]:
        """Store these in order; for each, True if it is new, False if known already, or the EventConflict that refused it.

        Returns only after the commit. Raises what the database raised if it could not commit: nothing was stored then.
        """
        self.life.check()
        if not messages:
            return []
        call = Call([None] * len(messages), len(messages), asyncio.get_running_loop().create_future())
        self._waiting += [Waiting(message, call, place) for place, message in enumerate(messages)]
        self._wake.set()
        await call.settled
        for result in call.results:
            if isinstance(result, Exception) and not isinstance(result, EventError):
                raise result
        answers = [result for result in call.results if isinstance(result, (bool, JourneymanError))]
        for counter, outcome in COUNTERS:
            if count := answers.count(outcome):
                counter.inc(count)
        return answers

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while group := self._waiting[:GROUP]:
                    await self._take(group)
                    del self._waiting[: len(group)]
        finally:
            for each in self._waiting:
                each.settle(PartDied("Nothing is accepted any more; send it again."))

    async def _take(self, group: list[Waiting]) -> None:
        for each in group:
            each.settle(each.call.error)
        if not (wanted := [each for each in group if each.call.error is None]):
            return
        try:
            results = await self.commit([each.message for each in wanted])
        except UNREACHABLE as error:
            results = [error] * len(wanted)
        except Exception:
            # One of them cannot be stored, or another front door has just stored its id: no other is harmed by it.
            for each in wanted:
                each.settle(each.call.error or await self._alone(each.message))
            return
        for each, result in zip(wanted, results, strict=True):
            each.settle(result)

    async def _alone(self, message: Incoming) -> bool | Exception:
        try:
            try:
                return (await self.commit([message]))[0]
            except IntegrityError:
                return (await self.commit([message]))[0]  # The second look finds what was stored in between.
        except DBAPIError as error:
            # SQLSTATE 22: what asyncpg says of a value that does not fit; SQLAlchemy gives it no class of its own.
            if isinstance(error, DataError) or str(getattr(error.orig, "sqlstate", "")).startswith("22"):
                return EventError(f"{message.name}: a value does not fit into the database; mend it and send it again.")
            return error
        except Exception as error:
            return error

    async def commit(self, group: Sequence[Incoming]) -> list[bool | Exception]:
        """One transaction for the group."""
        messages = [self._named(message) for message in group]
        self._alike = None
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            anonymous_ids = {each for message in messages for each in message.nobodies}
            await lock_anonymous(self._database, connection, anonymous_ids)
            linked = await owners_of(connection, anonymous_ids)
            wanted = {m.user_id for m in messages if m.user_id} | set(linked.values())
            people = await lock_people(self._database, connection, wanted, now)
            known = await digests_of(connection, [message.event_id for message in messages])
            carts = await read_carts(connection, people)
            consequences = Consequences(people, carts, self._dates)
            results: list[bool | Exception] = []
            for message in messages:
                owner = message.user_id or linked.get(message.anonymous_id or "")
                digest, is_new = message.digest, message.event_id not in known
                if known.setdefault(message.event_id, digest) != digest:
                    results.append(EventConflict(f"messageId {message.event_id!r} was used before with another body."))
                    continue
                results.append(is_new)
                if is_new:
                    if owner:
                        for each in message.nobodies:
                            linked.setdefault(each, owner)
                            await self._merge(connection, each, owner, consequences, message.received_at)
                    consequences.take(message, owner, self._context(message, people.get(owner or "")))
            relevant = await self._store(connection, consequences)
            await write_people(self._database, connection, consequences.changed_people)
            await write_carts(self._database, connection, consequences.changed_carts)
            await self._consents(connection, consequences, now)
        if relevant:
            self._committed(relevant)
            tracing.accepted(each for each in (*consequences.adopted, *consequences.stored) if self._is_routed(each))
        return results

    def _named(self, message: Incoming) -> Incoming:
        user_id = self._opaque.user_id(message.user_id) if message.user_id else None
        keys = {
            key: self._opaque.user_id(str(value))
            for key in ("cart_id", "order_id")
            if isinstance(value := message.properties.get(key), (str, int))
        }
        # Some clients make the message id of the address; it is what entries and goals are known by in Temporal.
        event_id = self._opaque.user_id(message.event_id)
        if not keys and event_id == message.event_id and user_id == message.user_id:
            return message
        return replace(message, event_id=event_id, user_id=user_id, properties={**message.properties, **keys})

    def _context(self, message: Incoming, person: Person | None) -> Context:
        if message.second_hand:
            return Context()
        zone = (person.zone if person else None) or _text(message.traits.get("timezone"))
        country = person.country if person else None
        asked = (message.context, message.headers, message.ip, message.peer, zone, country)
        if self._alike is None or self._alike[0] != asked:
            self._alike = asked, self._looked_up(message, zone, country)
        return self._alike[1]

    def _looked_up(self, message: Incoming, zone: str | None, country: str | None) -> Context:
        device = device_of(message.context, message.headers)
        location = self._places.locate(
            # A backend that reports for its users connects from its own address, which says nothing about them.
            ip=message.ip or (message.peer if device.platform != "server" else None),
            context=message.context,
            profile_zone=zone,
            profile_country=country,
        )
        return Context(device=device, location=location, referrer=_referrer(message.context))

    async def _merge(
        self, connection: AsyncConnection, anonymous_id: str, user_id: str, consequences: Consequences, now: datetime
    ) -> None:
        """Give the events of a person who was not known yet to the one they turn out to be, in order."""
        for row in await claim_anonymous(self._database, connection, anonymous_id, user_id):
            consequences.adopt(row, user_id, routed=row.occurred_at >= now - self._lateness)
        consequences.adopt_fresh(anonymous_id, user_id, since=now - self._lateness)

    async def _consents(self, connection: AsyncConnection, consequences: Consequences, now: datetime) -> None:
        """Each word in the order of acceptance; the last one on the same channel and topic stays."""
        for said in consequences.said:
            pair = (said.user_id, said.channel, said.topic)
            if said.given and said.adopted:
                await adopt_consent(self._database, connection, *pair, now)
            else:
                reason = "subscribed" if said.given else "unsubscribed"
                await put_consent(self._database, connection, *pair, given=said.given, reason=reason, now=now)

    async def _store(self, connection: AsyncConnection, consequences: Consequences) -> list[str]:
        fresh: list[Stored] = consequences.stored
        # Those of a batch mostly share one.
        shared = {id(each.context): each.context for each in fresh}
        contexts = {key: each.model_dump(mode="json", exclude_defaults=True) for key, each in shared.items()}
        rows = [self._row(each, contexts[id(each.context)]) for each in fresh]
        for each, seq in zip(fresh, await add_events(connection, rows), strict=True):
            each.seq = seq
        routes = [
            (each.seq, each.user_id)
            for each in [*consequences.adopted, *fresh]
            if each.user_id and self._is_routed(each)
        ]
        await add_routes(self._database, connection, routes)
        return [user_id for _, user_id in routes]

    def _is_routed(self, each: Stored) -> bool:
        return bool(each.user_id) and each.routed and each.name in self._relevant

    def _row(self, each: Stored, context: dict[str, Any]) -> dict[str, Any]:
        return {
            "event_id": each.event_id,
            "digest": each.digest,
            "user_id": each.user_id,
            "anonymous_id": each.anonymous_id,
            "name": each.name,
            "occurred_at": each.occurred_at,
            "received_at": each.received_at,
            "properties": self._opaque.facts(each.properties),
            "context": context,
        }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _referrer(context: Any) -> str | None:
    """The host name of where the person came from; the rest of a URL may hold anything."""
    page, referrer = context.get("page"), context.get("referrer")
    candidates = [
        page.get("referrer") if isinstance(page, dict) else None,
        referrer.get("url") if isinstance(referrer, dict) else None,
    ]
    for candidate in candidates:
        if isinstance(candidate, str):
            with suppress(ValueError):
                if host := urlsplit(candidate).hostname:
                    return host[:200]
    return None
