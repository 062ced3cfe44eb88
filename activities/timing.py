"""Whether this is the moment for a message: quiet hours, the person's best hour, caps, and who goes first under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from profiles.best_hour import best_hour
from profiles.person import Person
from storage.ledger import Send, rivals_of
from workflows.clock import next_local, zone_of
from workflows.requests import Answer

from .front_matter import MessageDetails
from .policy import Policy

BEST = "best hour"
YIELD = timedelta(seconds=60)
"""How near a held message must be to its moment to be let in first, and how long is waited for it."""
UNSEEN = ("in_app", "webhook")
"""Channels that wake nobody up."""


@dataclass(frozen=True)
class Case:
    """A message at the moment in which it would go (journey time): what is judged."""

    person: Person
    line: Send
    """The message as it is about to be claimed, with what was decided before."""
    details: MessageDetails
    wanted: datetime
    """When the journey wanted it."""
    now: datetime
    zone: ZoneInfo


class Timing:
    """Judges inside the transaction that claims a message and holds the person's lock: no two claims take one place."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def rest(
        self,
        connection: AsyncConnection,
        person: Person,
        line: Send,
        details: MessageDetails,
        wanted: datetime,
        now: datetime,
    ) -> Answer | None:
        """Whether something speaks against this moment: `held` until a better one, or `withheld`; journey time."""
        zone = zone_of(person.believed_zone or self._policy.default_zone)
        case = Case(person, line, details, wanted, now, zone)
        for judge in (self._expired, self._in_quiet_hours, self._not_best):
            if (answer := judge(case)) is not None:
                return answer
        return await self._capped(connection, case)

    def _expired(self, case: Case) -> Answer | None:
        expires = case.details.expires
        if expires is None or case.now - case.wanted <= expires:
            return None
        return Answer(status="withheld", reason="expired before it could be sent")

    def _in_quiet_hours(self, case: Case) -> Answer | None:
        over = self._quiet_until(case, case.now)
        if over is None:
            return None
        if case.details.quiet_hours == "drop":
            return Answer(status="withheld", reason="quiet hours")
        return _held("quiet hours", over, case.zone)

    def _not_best(self, case: Case) -> Answer | None:
        line, details = case.line, case.details
        hour = best_hour(case.person.hours) if details.moment == "best" and line.channel not in UNSEEN else None
        # By what their visits were counted by, which is no default of ours: UTC where nothing tells a zone.
        own = zone_of(case.person.believed_zone)
        if hour is None or case.now.astimezone(own).hour == hour:
            return None
        if line.fence or (line.reason or "").startswith(BEST):
            return None  # Its moment came before: something stronger has moved it, and it goes.
        until = next_local(case.now, time(hour), own)
        moved = self._quiet_until(case, until)
        if details.expires is not None and (moved or until) - case.wanted > details.expires:
            return None  # Better at any hour than not at all.
        return _held(BEST if moved is None else f"{BEST}, moved out of quiet hours", moved or until, case.zone)

    def _quiet_until(self, case: Case, moment: datetime) -> datetime | None:
        if self._policy.quiet_hours is None or case.details.quiet_hours == "ignore" or case.line.channel in UNSEEN:
            return None
        return self._policy.quiet_hours.over(moment, case.zone)

    async def _capped(self, connection: AsyncConnection, case: Case) -> Answer | None:
        line, details, now, zone = case.line, case.details, case.now, case.zone
        caps = [cap for cap in self._policy.caps if cap.topic in (None, details.topic)]
        if details.kind != "marketing" or line.channel == "webhook" or not caps:
            return None
        since = min(cap.since(now, zone) for cap in caps)
        others = [
            other
            for other in await rivals_of(connection, case.person.user_id, since, now - YIELD)
            if other.step_key != line.step_key and other.channel != "webhook"
        ]
        for cap in caps:
            counted = [other for other in others if cap.counts(other.kind, other.topic)]
            gone = [other.at for other in counted if other.status != "held" and cap.covers(other.at, now, zone)]
            if len(gone) >= cap.most:
                if details.over_cap == "hold":
                    return _held(f"cap: {cap}", cap.frees(gone, now, zone), zone)
                return Answer(status="withheld", reason=f"cap: {cap}")
            if self._goes_before(line, counted, now) >= cap.most - len(gone):
                return _held(f"lets a message of higher priority go first, cap: {cap}", now + YIELD, zone)
        return None

    def _goes_before(self, line: Send, counted: Sequence[Send], now: datetime) -> int:
        """How many held messages are about to go and come before this one: by priority, then by age."""
        return sum(
            other.status == "held"
            and other.kind == "marketing"
            and other.until is not None
            and abs(other.until - now) <= YIELD
            and _rank(other) < _rank(line)
            for other in counted
        )


def _rank(line: Send) -> tuple[int, datetime, str]:
    return line.priority, line.at, line.send_key


def _held(reason: str, until: datetime, zone: ZoneInfo) -> Answer:
    return Answer(status="held", reason=reason, until=until, zone=zone.key)
