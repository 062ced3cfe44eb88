"""How one message is sent at most once: render, claim, hand over, settle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from errors import NeverSent, ProviderError, Refused, TryLater
from events import Event
from messages import Channel
from profiles.person import Person
from profiles.unsubscribe_links import UnsubscribeLinks
from storage.database import Database
from storage.ledger import Send, keep, put_send, send_key, sends_of_step, settle, step_key, taken
from storage.people import lock_people, read_person
from workflows.catalogue import Catalogue
from workflows.definition import Journey
from workflows.requests import BEGIN, PROFILE, SEND, Answer, MessageRequest, Pass, SendRequest

from .channels.envelope import Provider
from .drafting import Draft, Drafting, address_of
from .front_matter import MessageDetails
from .guard import Guard, Moments
from .policy import Policy
from .rendering import Templates

CALL = timedelta(seconds=10)
"""How long a provider call may take, and how long an attempt may have waited before it claims."""
LEASE = timedelta(seconds=20)
"""Longer than a provider call may take (10 s), shorter than the activity's own limit (30 s)."""
SILENCE = timedelta(minutes=15)
"""How long a provider's webhook may take to say what became of a message."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Wanted:
    """This message is to be rendered, then the step is judged once more."""

    message: MessageRequest
    person: Person


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
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._templates = templates
        self._providers = providers
        self._guard = Guard(database, policy)
        self._dates = policy.dates
        self._drafting = Drafting(templates, links)

    @activity.defn(name=SEND)
    async def send(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Send one step of a journey; takes a SendRequest and returns an Answer, both as JSON."""
        request = SendRequest.model_validate(payload)
        return _json(await self.perform(request, Moments(activity.info().started_time, datetime.now(UTC))))

    @activity.defn(name=BEGIN)
    async def begin(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Judge whether the quiet is over; takes a Pass and returns an Answer, both as JSON."""
        walk, now = Pass.model_validate(payload), Moments(activity.info().started_time, datetime.now(UTC))
        async with self._database.write() as connection:
            person = await self._person(connection, walk.user, now.machine)
            answer = await self._guard.admit(connection, self._journey(walk), walk, person, now.journey)
        return _json(answer or Answer(status="begun"))

    @activity.defn(name=PROFILE)
    async def profile(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Read who the person is; takes a Pass and returns a Profile, both as JSON."""
        walk, now = Pass.model_validate(payload), activity.info().started_time
        async with self._database.read() as connection:
            person = await read_person(connection, walk.user) or Person(walk.user, now)
            closed = await self._guard.closed_channels(connection, walk.user)
        reach = self._guard.reach(person, now)
        return person.profile(now, active="in_app" in reach, blocked=closed, dates=self._dates).model_dump(
            mode="json", exclude_defaults=True
        )

    async def perform(self, request: SendRequest, now: Moments) -> Answer:
        """All of a send; the caller brings the clocks."""
        step = step_key(request.walk.journey, request.walk.key, request.walk.entry, request.step, request.occurrence)
        async with self._database.read() as connection:
            person = await read_person(connection, request.walk.user) or Person(request.walk.user, now.machine)
        reach = self._guard.reach(person, now.journey)
        likely = next((message for message in request.messages if message.channel in reach), None)
        drafts: dict[Channel, Draft] = {}
        while True:
            # Rendering comes before the claim, so that the claim is the last thing before the first byte.
            if likely is not None:
                drafts[likely.channel] = self._drafting.draft(person, likely, now.journey)
            decision = await self._decide(request, step, drafts, now)
            if isinstance(decision, Answer):
                return decision
            if isinstance(decision, Wanted):
                likely, person = decision.message, decision.person
                continue
            likely = None
            answer = await self._hand_over(decision, drafts[_channel(decision)], now)
            if answer is not None:
                return answer

    async def _decide(
        self, request: SendRequest, step: str, drafts: Mapping[Channel, Draft], now: Moments
    ) -> Answer | Wanted | Send:
        """One transaction: the answer there is already, the message to render next, or a claim on it."""
        walk, journey = request.walk, self._journey(request.walk)
        async with self._database.write() as connection:
            # The lease runs from the claim, not from before the wait for the lock; who waited too long begins anew.
            machine = datetime.now(UTC)
            if machine - now.machine > CALL:
                raise _again("The database was busy.", timedelta(seconds=1))
            now = replace(now, machine=machine)
            person = await self._person(connection, walk.user, now.machine)
            lines = await sends_of_step(connection, step)
            if (settled := await self._settled(connection, lines, now)) is not None:
                return settled
            if (ended := await self._guard.admit(connection, journey, walk, person, now.journey)) is not None:
                # A provider's refusal that came before the goal stays what became of this message.
                return _answer(lines[-1]) if lines and all(line.status == "refused" for line in lines) else ended
            refused = {line.channel for line in lines if line.status == "refused"}
            choice = await self._guard.choose(connection, request, person, self._details, refused, now.journey)
            if isinstance(choice, str):
                return await self._withhold(connection, request, step, lines, choice, now)
            details = self._details(choice)
            draft = drafts.get(choice.channel)
            if draft is None or draft.address != address_of(person, choice.channel):
                return Wanted(choice, person)
            key = send_key(step, choice.channel)
            first = next((line for line in lines if line.send_key == key), None)
            line = first or Send(
                key, step, walk.user, walk.journey, walk.key, walk.entry, f"{request.step} #{request.occurrence}", choice.channel,
                choice.template, details.topic, details.kind, "claimed", now.journey, now.machine,
            )  # fmt: skip
            if self._guard.expired(details, first, now.journey):
                return await self._withhold(connection, request, step, lines, "expired while it was held", now)
            rest = await self._guard.rest(connection, person, details, choice.channel, now.journey)
            if rest is not None and rest.status == "withheld":
                return await self._withhold(connection, request, step, lines, rest.reason, now)
            if rest is not None:
                await put_send(
                    self._database, connection, replace(line, status="held", reason=rest.reason, until=rest.until)
                )
                return rest.model_copy(update={"channel": choice.channel})
            claim = replace(
                taken(line, now.machine, now.machine + LEASE), resent=line.resent or line.status == "unknown"
            )
            if choice.channel not in self._providers:
                # Our own outbox is a table of this database: claimed, delivered and settled in one transaction.
                # `at` was when it was first wanted, by which it expires; once it is gone, caps count from now on.
                gone = replace(claim, status="accepted", at=now.journey, until=None, provider="outbox")
                await keep(self._database, connection, gone, asdict(draft.rendered))
                await put_send(self._database, connection, gone)
                return Answer(status="accepted", channel=choice.channel)
            await put_send(self._database, connection, claim)
            return claim

    async def _settled(self, connection: AsyncConnection, lines: list[Send], now: Moments) -> Answer | None:
        """What an earlier attempt of this step has come to."""
        for line in lines:
            match line.status:
                case "accepted" | "withheld":
                    return _answer(line)
                case "claimed" if line.until is not None and line.until > now.machine:
                    raise _again("Another attempt is handing this message over.", line.until - now.machine)
                case "claimed":
                    # Its attempt died: whether the provider has the message is not known.
                    doubted = replace(
                        line,
                        status="unknown",
                        reason="the attempt died in the provider call",
                        until=now.machine + SILENCE,
                    )
                    await put_send(self._database, connection, doubted)
                    return _doubt(doubted)
                case "unknown" if line.kind == "marketing" and line.channel != "push":
                    return _answer(line)
                case "unknown" if (line.until is not None and line.until > now.machine) or line.resent:
                    return _doubt(line)
        return None

    async def _withhold(
        self, connection: AsyncConnection, request: SendRequest, step: str, lines: list[Send], reason: str, now: Moments
    ) -> Answer:
        if lines and all(line.status == "refused" for line in lines):
            return _answer(lines[-1])
        walk, message = request.walk, request.messages[-1]
        details = self._details(message)
        line = Send(
            send_key(step, message.channel), step, walk.user, walk.journey, walk.key, walk.entry,
            f"{request.step} #{request.occurrence}", message.channel, message.template, details.topic, details.kind,
            "withheld", now.journey, now.machine, reason,
        )  # fmt: skip
        await put_send(self._database, connection, line)
        return _answer(line)

    async def _hand_over(self, claim: Send, draft: Draft, now: Moments) -> Answer | None:
        """The provider call and its outcome; None if the next channel is to be tried."""
        channel = draft.request.channel
        provider = self._providers[channel]
        try:
            provider_id = await provider.send(draft.envelope(claim.send_key, claim.user_id))
        except (NeverSent, TryLater) as error:
            await self._settle(claim, "held", reason=str(error))
            raise _again(str(error), error.after if isinstance(error, TryLater) else timedelta(seconds=2)) from None
        except Refused as error:
            await self._settle(claim, "refused", reason=str(error), provider=provider.name)
            return None
        except ProviderError as error:
            doubted = replace(claim, status="unknown", reason=str(error), until=datetime.now(UTC) + SILENCE)
            await self._settle(claim, "unknown", reason=str(error), provider=provider.name, until=doubted.until)
            return _doubt(doubted)
        await self._settle(claim, "accepted", at=now.journey, provider=provider.name, provider_id=provider_id)
        return Answer(status="accepted", channel=channel)

    async def _settle(self, claim: Send, status: Any, **facts: Any) -> None:
        async with self._database.write() as connection:
            if not await settle(connection, claim, status, **facts):
                log.warning("a claim was settled by somebody else", send_key=claim.send_key, status=status)

    async def _person(self, connection: AsyncConnection, user_id: str, now: datetime) -> Person:
        return (await lock_people(self._database, connection, [user_id], now))[user_id]

    def _details(self, message: MessageRequest) -> MessageDetails:
        return self._templates.details(message.channel, message.template)

    def _journey(self, walk: Pass) -> Journey[Event]:
        return self._catalogue[walk.journey].journey


def _answer(line: Send) -> Answer:
    return Answer(status=_public(line.status), channel=_channel(line), reason=line.reason or "")


def _doubt(line: Send) -> Answer:
    """`unknown`; with a time to ask again where the message's policy is to send it once more."""
    final = line.kind == "marketing" and line.channel != "push"
    return Answer(
        status="unknown", channel=_channel(line), reason=line.reason or "", until=None if final else line.until
    )


def _public(status: str) -> Any:
    return status if status in ("accepted", "withheld", "refused", "unknown") else "withheld"


def _channel(line: Send) -> Any:
    return line.channel


def _again(message: str, after: timedelta) -> ApplicationError:
    return ApplicationError(message, type="TryLater", next_retry_delay=max(after, timedelta(seconds=1)))


def _json(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(mode="json", exclude_defaults=True)
