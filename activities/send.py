"""How one message is sent at most once: render, claim, hand over, settle."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError
from temporalio import activity
from temporalio.exceptions import ApplicationError

import tracing
from errors import AddressGone, NeverSent, ProviderError, Refused, RepeatLater, TryLater
from messages import Channel
from meters import EVENT_TO_PROVIDER, PROVIDER_CALL, SENDS
from profiles.addresses import Addresses
from profiles.person import Person
from profiles.unsubscribe_links import UnsubscribeLinks
from storage.database import DATABASE, UNREACHABLE, Database
from storage.ledger import Send, Status, read_send, settle
from storage.people import lock_people, read_person, write_people
from storage.profiles import profile_of
from workflows.catalogue import Catalogue
from workflows.profile import Profile
from workflows.requests import BEGIN, PROFILE, SEND, Answer, MessageRequest, Pass, SendRequest

from .advice import SHOWN, Advice, written
from .attempts import again, answer_of, doubt
from .channels.envelope import Provider
from .claims import LEASE, Claim, Claims, Wanted
from .drafting import Address, Draft, Drafting, address_of
from .guard import Guard, Moments
from .policy import Policy
from .promptness import milliseconds, took
from .reach import Reach
from .rendering import Templates
from .timing import Timing

STALL = timedelta(seconds=1)
"""How long after its claim a message may still be handed over; with the 9 s of a call that makes ten."""
PAUSES = (timedelta(seconds=0.2), timedelta(seconds=1), timedelta(seconds=3))
"""Between attempts to write down what a provider has said."""
SOON = timedelta(seconds=2)
"""When about a message is tried again that never left this machine."""
log = structlog.get_logger()


class Sender:
    """The activities of a journey. `providers` holds what really sends; channels without one stay in our own outbox."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        templates: Templates,
        policy: Policy,
        providers: Mapping[Channel, Provider],
        links: UnsubscribeLinks,
        addresses: Addresses,
        *,
        limited: frozenset[Channel] = frozenset(),
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._providers = providers
        self._guard = Guard(database)
        self._reach = Reach(policy, addresses)
        self.advice = Advice(database, self._reach)
        """The activities by which a journey asks for what nobody has said."""
        self._drafting = Drafting(templates, links)
        self._claims = Claims(
            database,
            catalogue,
            templates,
            self._guard,
            self._reach,
            Timing(policy),
            addresses=addresses,
            provided=frozenset(providers),
            limited=limited,
        )

    @activity.defn(name=SEND)
    async def send(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Send one step of a journey; takes a SendRequest and returns an Answer, both as JSON."""
        request = SendRequest.model_validate(payload)
        answer = await self.perform(request, Moments(activity.info().started_time, datetime.now(UTC)))
        SENDS.labels(request.walk.journey, answer.channel or "", answer.status).inc()
        walk, outcome = request.walk, {"channel": answer.channel, "outcome": answer.status}
        tracing.note(journey=walk.journey, step=request.step, seq=walk.event_seq, **outcome)
        return _json(answer)

    @activity.defn(name=BEGIN)
    async def begin(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Judge whether the quiet is over; takes a Pass and returns an Answer, both as JSON."""
        walk, now = Pass.model_validate(payload), Moments(activity.info().started_time, datetime.now(UTC))
        async with self._database.write() as connection:
            person = (await lock_people(self._database, connection, [walk.user], now.machine))[walk.user]
            journey = self._catalogue[walk.journey].journey
            answer = await self._guard.admit(connection, journey, walk, person, now.journey)
        return _json(answer or Answer(status="begun"))

    @activity.defn(name=PROFILE)
    async def profile(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Read who the person is; takes a Pass and returns a Profile, both as JSON."""
        walk, now = Pass.model_validate(payload), activity.info().started_time
        async with self._database.read() as connection:
            person = await read_person(connection, walk.user) or Person(walk.user, now)
            known = await self._reach.told(connection, person, now)
        known = await self.advice.foretold(known, now)
        return known.model_dump(mode="json", exclude_defaults=True)

    async def perform(self, request: SendRequest, now: Moments) -> Answer:
        """All of a send; the caller brings the clocks."""
        async with self._database.read() as connection:
            person = await read_person(connection, request.walk.user) or Person(request.walk.user, now.machine)
            profile = await profile_of(connection, person, now.journey)
        reach = self._reach.channels(person, now.journey)
        likely = next((message for message in request.messages if message.channel in reach), None)
        drafts: dict[Channel, Draft] = {}
        guessing = True
        while True:
            # Rendering comes before the claim, so that the claim is the last thing before the first byte.
            if likely is not None:
                try:
                    drafts[likely.channel] = await self._draft(person, profile, likely, now)
                except ApplicationError:
                    # What cannot be rendered must not hide a goal, or the next channel.
                    if not guessing:
                        raise
            likely, guessing = None, False
            match await self._claims.decide(request, drafts, now):
                case Answer() as answer:
                    return answer
                case Wanted(message, known):
                    likely, person = message, known
                    async with self._database.read() as connection:
                        profile = await profile_of(connection, person, now.journey)
                case Claim() as claim:
                    if (outcome := await self._hand_over(claim, now)) is not None:
                        return outcome

    async def _draft(self, person: Person, profile: Profile, message: MessageRequest, now: Moments) -> Draft:
        """The message with all that its template asks for; what it does not ask for is not looked up."""
        asks = self._drafting.asks(person, message)
        if "foretold" in asks:
            profile = await self.advice.foretold(profile, now.journey)
        offered = "recommendations" in asks and "recommendations" not in message.data
        recommended = await self.advice.recommended(person.user_id, SHOWN, now.journey) if offered else ()
        return self._drafting.draft(person, profile, message, written(recommended))

    async def _hand_over(self, claim: Claim, now: Moments) -> Answer | None:
        """The provider call and its outcome; None if the next address or channel is to be tried."""
        line, draft = claim.line, claim.draft
        provider = self._providers[draft.request.channel]
        try:
            if datetime.now(UTC) - line.machine_at > STALL:
                # Whoever unsubscribes now is promised that nothing leaves later than ten seconds from here.
                raise NeverSent("this worker stood still after the claim")
            called_at = datetime.now(UTC)
            told = {"provider": provider.name, "channel": draft.request.channel}
            with PROVIDER_CALL.labels(provider.name).time(), tracing.span("provider call", **told):
                provider_id = await provider.send(draft.envelope(line.send_key, line.user_id, claim.valid_for))
        except (NeverSent, TryLater, RepeatLater) as error:
            after = None if isinstance(error, NeverSent) else error.after
            # What may have arrived once is in doubt whatever becomes of its repeats.
            doubted = {"resent": True} if isinstance(error, RepeatLater) else {}
            until = now.journey + (after or SOON)
            settled = await self._settle(claim, "held", reason=str(error), until=until, at=claim.since, **doubted)
            if settled.status != "held":
                return answer_of(settled)
            raise again(str(error), after) from None
        except Refused as error:
            if line.resent:
                # It is refused now, but the first time it may have arrived.
                reason = f"in doubt, and refused the second time: {error}"
                return answer_of(await self._settle(claim, "unknown", reason=reason, provider=provider.name))
            if isinstance(error, AddressGone) and draft.request.channel == "push" and draft.address is not None:
                await self._forget(claim, draft.address, str(error), provider.name)
            else:
                await self._settle(claim, "refused", reason=str(error), provider=provider.name)
            return None  # Whatever it has come to meanwhile, the next look at the step finds it.
        except ProviderError as error:
            unknown = doubt(line, str(error), datetime.now(UTC))
            facts = {"reason": unknown.reason, "until": unknown.until, "provider": provider.name}
            return answer_of(await self._settle(claim, "unknown", **facts))
        took_ms = await self._took(claim, called_at)
        facts = {"provider": provider.name, "provider_id": provider_id}
        return answer_of(await self._settle(claim, "accepted", took_ms=took_ms, **facts))

    async def _took(self, claim: Claim, called_at: datetime) -> int | None:
        """How long the event that opened the pass took to the call, if nothing had to be waited for."""
        found = None
        if not claim.has_rested:
            with suppress(*DATABASE):
                async with self._database.read() as connection:
                    found = await took(connection, claim.line.entry_id, claim.since, called_at)
        if found is not None:
            EVENT_TO_PROVIDER.labels(claim.line.journey).observe(found.total_seconds())
        return milliseconds(found)

    async def _settle(self, claim: Claim, status: Status, **facts: Any) -> Send:
        """The line after it was settled: by us, or by a webhook or a later attempt that came before.

        What the provider has said is known here alone, so a database that is away for a moment is waited for.
        """
        for pause in PAUSES:
            try:
                return await self._settle_once(claim, status, **facts)
            except (DBAPIError, *UNREACHABLE):
                await asyncio.sleep(pause.total_seconds())
        return await self._settle_once(claim, status, **facts)

    async def _settle_once(self, claim: Claim, status: Status, **facts: Any) -> Send:
        async with self._database.write() as connection:
            # Under the person's lock: a decision that has read the line before must not write over this.
            await self._database.lock(connection, [claim.line.user_id])
            line = await settle(connection, claim.line, status, **facts)
            if line is None:
                line = await read_send(connection, claim.line.send_key)
                if line.status != status:
                    log.warning("a claim was settled otherwise", send_key=line.send_key, status=status, by=line.status)
        if line.status == "claimed":
            raise again("Another attempt is handing this message over.", LEASE)
        return line

    async def _forget(self, claim: Claim, address: Address, reason: str, provider: str) -> None:
        """Drop a push address that is gone; the claim is free again if the person has another.

        Should a client tell the address once more, it is tried once more: an installation can come back.
        """
        line = claim.line
        async with self._database.write() as connection:
            person = (await lock_people(self._database, connection, [line.user_id], datetime.now(UTC)))[line.user_id]
            person.drop(address.value)
            await write_people(self._database, connection, [person])
            left = address_of(person, "push") is not None
            await settle(connection, line, "held" if left else "refused", reason=reason, provider=provider)


def _json(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(mode="json", exclude_defaults=True)
