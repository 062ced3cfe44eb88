"""The one transaction in which it is decided whether a message is sent, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from messages import Channel
from profiles.addresses import Addresses
from profiles.person import Person
from storage.database import Database
from storage.holds import DIED, GONE, withdraw
from storage.ledger import Send, keep, put_send, send_key, sends_of_step, step_key, taken
from storage.people import lock_people
from storage.runs import Place
from workflows.catalogue import Catalogue
from workflows.requests import Answer, MessageRequest, SendRequest

from .attempts import again, all_refused, answer_of, doubt, goes_again, in_doubt, is_alive, tried
from .drafting import Draft, address_of
from .front_matter import MessageDetails
from .guard import EARLY, Guard, Moments
from .promptness import has_rested, milliseconds, took
from .reach import Reach
from .rendering import Templates
from .timing import Timing

CALL = timedelta(seconds=10)
"""How long a provider call may take, and how long an attempt may have waited before it claims."""
LEASE = timedelta(seconds=20)
"""Longer than a provider call may take (10 s), shorter than the activity's own limit (30 s)."""


@dataclass(frozen=True)
class Wanted:
    """This message is to be rendered for this person, then the step is judged once more."""

    message: MessageRequest
    person: Person


@dataclass(frozen=True)
class Claim:
    """Leave to hand this draft over once; it loses its worth after `valid_for`, and has been waiting since `since`."""

    line: Send
    draft: Draft
    since: datetime
    valid_for: timedelta | None
    has_rested: bool = False


class Claims:
    """Decides about one step of a journey under the person's lock: accept takes the same, so what came first wins."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        templates: Templates,
        guard: Guard,
        reach: Reach,
        timing: Timing,
        *,
        addresses: Addresses,
        provided: frozenset[Channel],
        limited: frozenset[Channel],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._templates = templates
        self._guard = guard
        self._reach = reach
        self._timing = timing
        self._addresses = addresses
        self._provided = provided
        """Channels that somebody else delivers; the others stay in our own outbox."""
        self._limited = limited
        """Channels with a rate, and so with a queue, of their own."""

    async def decide(
        self, request: SendRequest, drafts: Mapping[Channel, Draft], now: Moments
    ) -> Answer | Wanted | Claim:
        """The answer there is already, the message to render next, or a claim on it."""
        walk, step = request.walk, step_of(request)
        journey = self._catalogue[walk.journey].journey
        async with self._database.write() as connection:
            person = (await lock_people(self._database, connection, [walk.user], now.machine))[walk.user]
            # The lease runs from the claim, not from before the wait for the lock; who waited too long begins anew.
            machine = datetime.now(UTC)
            if machine - now.machine > CALL:
                raise again("The database was busy.", timedelta(seconds=1))
            now = replace(now, machine=machine)
            lines = await self._lines(connection, step, now)
            if (settled := await self._settled(connection, lines, now)) is not None:
                return settled
            if (ended := await self._guard.admit(connection, journey, walk, person, now.journey)) is not None:
                if ended.status == "ended":
                    await withdraw(connection, Place(walk.journey, walk.user, walk.key), walk.entry, ended.reason)
                # A provider's refusal that came before the goal stays what became of this message.
                return answer_of(lines[-1]) if all_refused(lines) else ended
            if request.withhold:
                return await self._withhold(connection, request, lines, request.withhold, now)
            if (doubted := in_doubt(lines)) is not None:
                # It may have arrived: only by the same way can a second copy be recognised, or take the place of the first.
                same = tuple(each for each in request.messages if each.channel == doubted.channel)
                request = request.model_copy(update={"messages": same})
                self._keep_to_address(person, doubted)
            refused = {line.channel for line in lines if line.status == "refused"}
            choice = await self._reach.choose(connection, request, person, self._details, refused, now.journey)
            if isinstance(choice, str):
                return await self._withhold(connection, request, lines, choice, now)
            if choice.channel in self._limited and request.queue != choice.channel:
                return Answer(status="elsewhere", channel=choice.channel)
            draft = drafts.get(choice.channel)
            if draft is None or draft.request != choice or draft.address != address_of(person, choice.channel):
                return Wanted(choice, person)
            return await self._claim(connection, request, lines, draft, person, now)

    async def _lines(self, connection: AsyncConnection, step: str, now: Moments) -> list[Send]:
        """What was decided about this step; a webhook whose attempt died may have arrived, and is to be called again."""
        lines = await sends_of_step(connection, step)
        for place, line in enumerate(lines):
            if line.channel == "webhook" and line.status == "claimed" and not is_alive(line, now.machine):
                lines[place] = replace(line, status="held", reason=DIED, until=now.journey, resent=True)
                await put_send(self._database, connection, lines[place])
        return lines

    async def _claim(
        self,
        connection: AsyncConnection,
        request: SendRequest,
        lines: list[Send],
        draft: Draft,
        person: Person,
        now: Moments,
    ) -> Answer | Claim:
        fresh = self._line(request, draft.request, now)
        line = next((line for line in lines if line.send_key == fresh.send_key), fresh)
        wanted = request.due or line.at
        rest = await self._timing.rest(connection, person, line, draft.details, wanted, now.journey)
        if rest is not None and rest.status == "withheld":
            return await self._withhold(connection, request, lines, rest.reason, now)
        if rest is not None:
            held = replace(line, status="held", reason=rest.reason, until=rest.until, resent=tried(line))
            await put_send(self._database, connection, held)
            return rest.model_copy(update={"channel": line.channel})
        # `at` was when it was first wanted; from now on it may have gone, and caps count it so.
        claim = replace(
            taken(line, now.journey, now.machine, now.machine + LEASE),
            resent=tried(line),
            address_hash=self._hashed(draft),
        )
        await self._put_away(connection, lines, claim)
        expires = draft.details.expires
        if draft.request.channel in self._provided:
            await put_send(self._database, connection, claim)
            valid_for = None if expires is None else expires - (now.journey - wanted)
            return Claim(claim, draft, line.at, valid_for, has_rested(line))
        # Our own outbox is a table of this database: claimed, delivered and settled in one transaction.
        after = None if has_rested(line) else await took(connection, line.entry_id, line.at, now.machine)
        gone = replace(claim, status="accepted", until=None, provider="outbox", took_ms=milliseconds(after))
        expires_at = None if expires is None else wanted + expires
        await keep(self._database, connection, gone, asdict(draft.rendered), expires_at)
        await put_send(self._database, connection, gone)
        return answer_of(gone)

    async def _settled(self, connection: AsyncConnection, lines: list[Send], now: Moments) -> Answer | None:
        """What an earlier attempt of this step has come to."""
        for line in lines:
            match line.status:
                case "withheld" if line.reason == GONE:
                    continue  # Support has reset the run: it is not gone, and everything is judged anew.
                case "accepted" | "withheld":
                    return answer_of(line)
                case "claimed" if line.until is not None and is_alive(line, now.machine):
                    raise again("Another attempt is handing this message over.", line.until - now.machine)
                case "claimed":
                    # Its attempt died: whether the provider has the message is not known.
                    doubted = doubt(line, DIED, now.machine)
                    await put_send(self._database, connection, doubted)
                    return answer_of(doubted)
                case "unknown" if not goes_again(line) or (line.until is not None and line.until - now.machine > EARLY):
                    return answer_of(line)
        return None

    async def _withhold(
        self, connection: AsyncConnection, request: SendRequest, lines: list[Send], reason: str, now: Moments
    ) -> Answer:
        if all_refused(lines):
            return answer_of(lines[-1])
        if (doubted := in_doubt(lines)) is not None:
            # What speaks against sending it once more does not tell what became of it the first time.
            unknown = replace(doubted, status="unknown", until=None)
            await put_send(self._database, connection, unknown)
            return answer_of(unknown)
        fresh = self._line(request, request.messages[-1], now)
        for line in [line for line in lines if line.status == "held"] or [fresh]:
            await put_send(self._database, connection, replace(line, status="withheld", reason=reason, until=None))
        return Answer(status="withheld", channel=fresh.channel, reason=reason)

    async def _put_away(self, connection: AsyncConnection, lines: list[Send], claim: Send) -> None:
        """What this step has held for another channel will not go any more."""
        for line in lines:
            if line.status == "held" and line.send_key != claim.send_key:
                put = replace(line, status="withheld", reason=f"it went by {claim.channel}", until=None)
                await put_send(self._database, connection, put)

    def _hashed(self, draft: Draft) -> str | None:
        """Which of several addresses the message goes to; a person has several for push alone."""
        if draft.request.channel != "push" or draft.address is None:
            return None
        return self._addresses.hash("push", draft.address.value)

    def _keep_to_address(self, person: Person, doubted: Send) -> None:
        """Forget, for this decision, the person's push addresses but the one that may have the message."""
        if doubted.channel == "push":
            for token in person.tokens:
                if self._addresses.hash("push", token["value"]) != doubted.address_hash:
                    person.drop(token["value"])

    def _line(self, request: SendRequest, message: MessageRequest, now: Moments) -> Send:
        """The ledger's line for this message, before anything was decided about it."""
        walk, step, details = request.walk, step_of(request), self._details(message)
        return Send(
            send_key=send_key(step, message.channel),
            step_key=step,
            user_id=walk.user,
            journey=walk.journey,
            key=walk.key,
            entry_id=walk.entry,
            step=f"{request.step} #{request.occurrence}",
            channel=message.channel,
            template=message.template,
            topic=details.topic,
            kind=details.kind,
            status="held",
            at=now.journey,
            machine_at=now.machine,
            priority=self._catalogue[walk.journey].journey.priority,
        )

    def _details(self, message: MessageRequest) -> MessageDetails:
        return self._templates.details(message.channel, message.template)


def step_of(request: SendRequest) -> str:
    """The ledger's name for the step that the request is about."""
    walk = request.walk
    return step_key(walk.journey, walk.key, walk.entry, request.step, request.occurrence)
