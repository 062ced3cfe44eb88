"""Whether a step may act at this moment: the quiet, the goal, and everything that speaks for or against a message."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from events import Event
from messages import Channel
from profiles.person import Person
from storage.consents import EVERY, consents_of
from storage.database import Database
from storage.facts import newest_first
from storage.ledger import Send, counted
from storage.runs import OpenRun, Place, drop_entry, drop_touches, last_seq, put_run, run_at
from workflows.clock import zone_of
from workflows.definition import Journey
from workflows.inbox import written
from workflows.requests import Answer, MessageRequest, Pass, SendRequest

from .front_matter import MessageDetails
from .policy import Policy

EARLY = timedelta(seconds=10)
"""How much sooner than due a run may wake and still count as on time: the clocks of two machines differ."""

UNREACHED: dict[Channel, str] = {
    "in_app": "the person is not there just now",
    "push": "no push token",
    "email": "no email address",
}


@dataclass(frozen=True)
class Moments:
    """The two clocks of an activity; never compared with each other."""

    journey: datetime
    machine: datetime


class Guard:
    """Judges inside the transaction that holds the person's lock, so that a goal committed before the claim wins."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._policy = policy

    async def admit(
        self, connection: AsyncConnection, journey: Journey[Event], walk: Pass, person: Person, now: datetime
    ) -> Answer | None:
        """Whether the journey may act at all: None, or `not_quiet` or `ended` with the reason. Notes that it has begun."""
        place = Place(walk.journey, walk.user, walk.key)
        if (goal := await self._goal(connection, journey, walk)) is not None:
            return Answer(status="ended", reason=f"ended by {goal.event_name} ({goal.event_id})")
        if walk.quiet and journey.quiet is not None:
            newest = await self._newest_start(connection, journey, walk)
            due_at = (newest.occurred_at if newest else now) + journey.quiet
            # Whatever wakes a delayed run early, an update for one, does not end the quiet.
            is_early = newest is not None and due_at - now > EARLY and not walk.skips_quiet
            if newest is not None and (newest.event_id != walk.event or is_early):
                await self._note(connection, walk, place, due_at)
                await drop_touches(connection, place, newest.seq)
                return Answer(status="not_quiet", until=due_at, event=written(newest))
            if newest is not None and not journey.enters(newest, person.profile(now)):
                # Nothing was sent: the next event that fits may enter, whatever `again` says.
                await drop_entry(connection, place, walk.entry, "the condition to enter no longer held")
                return Answer(status="ended", reason="ended: the condition to enter no longer holds")
            await drop_touches(connection, place, walk.event_seq)
        await self._note(connection, walk, place, now, begun=True)
        return None

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
        reach, consents, reasons = self.reach(person, now), await consents_of(connection, person.user_id), []
        for message in request.messages:
            hindrance = await self._pointless(connection, request.walk, message)
            told = details(message)
            if hindrance is None and message.channel in refused:
                hindrance = "refused by the provider"
            elif hindrance is None and message.channel not in reach:
                hindrance = UNREACHED[message.channel]
            elif hindrance is None and told.kind != "transactional" and consents.refuses(message.channel, told.topic):
                hindrance = "unsubscribed or suppressed"
            if hindrance is None:
                return message
            reasons.append(f"{message.channel}: {hindrance}")
        return "; ".join(reasons)

    async def closed_channels(self, connection: AsyncConnection, user_id: str) -> frozenset[str]:
        """Channels that must not be used for anything."""
        consents = await consents_of(connection, user_id)
        return frozenset(channel for channel in UNREACHED if consents.refuses(channel, EVERY))

    async def _pointless(self, connection: AsyncConnection, walk: Pass, message: MessageRequest) -> str | None:
        if message.unless:
            async for event in newest_first(connection, walk.user, message.unless, since=walk.entry_seq):
                return f"{event.event_name} came first"
        return None

    def reach(self, person: Person, now: datetime) -> tuple[Channel, ...]:
        """Channels with an address, in-app only while the person is there."""
        active = person.last_seen_at is not None and now - person.last_seen_at <= self._policy.active
        return person.channels(active=active)

    async def rest(
        self, connection: AsyncConnection, person: Person, details: MessageDetails, channel: Channel, now: datetime
    ) -> Answer | None:
        """Whether quiet hours or a cap speak against it now: `held` until then, or `withheld`."""
        zone = zone_of(person.believed_zone or self._policy.default_zone)
        if self._policy.quiet_hours and details.quiet_hours != "ignore" and channel != "in_app":
            over = self._policy.quiet_hours.over(now, zone)
            if over is not None and details.quiet_hours == "drop":
                return Answer(status="withheld", reason="quiet hours")
            if over is not None:
                return Answer(status="held", reason="quiet hours", until=over, zone=zone.key)
        cap = self._policy.cap
        if (
            cap
            and details.kind == "marketing"
            and await counted(connection, person.user_id, "marketing", now - cap.window) >= cap.most
        ):
            return Answer(status="withheld", reason=f"cap: {cap.most} marketing messages in {cap.window.days} days")
        return None

    def expired(self, details: MessageDetails, first: Send | None, now: datetime) -> bool:
        """Whether the message has been waiting for longer than it is worth."""
        return details.expires is not None and first is not None and now - first.at > details.expires

    async def _newest_start(self, connection: AsyncConnection, journey: Journey[Event], walk: Pass) -> Event | None:
        """The newest start event of this key from the one on that the journey would begin with."""
        async for event in newest_first(connection, walk.user, journey.start_names, since=walk.event_seq - 1):
            if journey.key_of(event) == walk.key:
                return event
        return None

    async def _goal(self, connection: AsyncConnection, journey: Journey[Event], walk: Pass) -> Event | None:
        touches = journey.start_names if journey.quiet else frozenset[str]()
        looked_for = [(journey.goal_names - touches, walk.entry_seq)]
        if not walk.quiet and (own := journey.goal_names & touches):
            # What starts a quiet phase prolongs it until the journey has begun; only then can it be a goal.
            looked_for.append((own, await self._begun_at(connection, walk)))
        for names, since in looked_for:
            if names:
                async for event in newest_first(connection, walk.user, names, since=since):
                    if journey.is_goal(event, walk.key):
                        return event
        return None

    async def _begun_at(self, connection: AsyncConnection, walk: Pass) -> int:
        """The person's newest event when the journey began; some that came late may have happened before its first."""
        run = await run_at(connection, Place(walk.journey, walk.user, walk.key))
        if run is None or run.entry_id != walk.entry or run.begun_seq is None:
            return walk.event_seq
        return run.begun_seq

    async def _note(
        self, connection: AsyncConnection, walk: Pass, place: Place, due_at: datetime, *, begun: bool = False
    ) -> None:
        """Keep the row of the open run true: it exists, under the run id that a cancel can reach, and it has begun."""
        known = await run_at(connection, place)
        if known is None or known.entry_id != walk.entry or known.first_run_id != walk.first_run:
            seq = known.begun_seq if known and known.entry_id == walk.entry else None
            known = OpenRun(place, walk.entry, walk.entry_seq, walk.first_run, "open", seq, due_at)
        elif begun and known.begun_seq is not None:
            return
        if begun and known.begun_seq is None:
            known = replace(known, begun_seq=await last_seq(connection, walk.user))
        await put_run(self._database, connection, replace(known, due_at=due_at))
