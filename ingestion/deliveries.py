"""What SendGrid tells of messages it has accepted: the ledger settled, suppressions fed, opens and clicks made events."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from errors import EventError
from events import EmailBounced, EmailClicked, EmailDelivered, EmailMarkedAsSpam, EmailOpened, Event, Unsubscribed
from profiles.addresses import Addresses
from storage.consents import EVERY, put_dead
from storage.database import Database
from storage.deliveries import Sent, asked_since, attach, put_deliveries, sent

from .accept import Acceptor
from .incoming import Incoming, checked
from .reports import Report

AT_ONCE = 100
"""Reports in one transaction: a webhook of a megabyte must not keep everybody else from the database."""
KINDS: dict[str, type[Event]] = {
    "delivered": EmailDelivered,
    "open": EmailOpened,
    "click": EmailClicked,
    "bounce": EmailBounced,
    "blocked": EmailBounced,
    "spamreport": EmailMarkedAsSpam,
    "unsubscribe": Unsubscribed,
    "group_unsubscribe": Unsubscribed,
}
"""What a report is to a journey; no other word is anything to it."""
log = structlog.get_logger()


class Deliveries:
    """Takes reports, each once, in any order, also before the send is recorded."""

    def __init__(self, database: Database, acceptor: Acceptor, addresses: Addresses, *, front_door: str) -> None:
        """`front_door` is our own address as people reach it."""
        self._database = database
        self._acceptor = acceptor
        self._addresses = addresses
        ours = urlsplit(front_door)
        self._ours = f"{ours.hostname}{ours.path.rstrip('/')}/"

    async def take(self, reports: Sequence[Report]) -> None:
        """Returns when all that follows is committed; raises what the database raised otherwise, and may be called again."""
        for start in range(0, len(reports), AT_ONCE):
            now = datetime.now(UTC)
            told = await self._note(reports[start : start + AT_ONCE], now)
            # Not only what is new: a process that died between the two transactions is told again.
            events = [self._event(report, message, now) for report, message in told]
            await self._acceptor.accept([event for event in events if event is not None])

    async def _note(self, reports: Sequence[Report], now: datetime) -> list[tuple[Report, Sent]]:
        """One transaction under the locks of all persons concerned; returns the reports that are events, with their messages."""
        async with self._database.write() as connection:
            messages = await sent(connection, {report.send_key for report in reports})
            # Not lock_people, which creates who is not there: somebody who was erased stays erased.
            known = await self._database.lock(connection, {message.user_id for message in messages.values()})
            messages = {key: message for key, message in messages.items() if message.user_id in known}
            fresh = await put_deliveries(self._database, connection, [_row(report, now) for report in reports])
            news = [report for report in reports if report.id in fresh]
            await self._bury(connection, news)
            touched = {report.send_key: messages[report.send_key] for report in news if report.send_key in messages}
            ids = {report.send_key: report.provider_id for report in news if report.provider_id}
            await attach(self._database, connection, touched, ids, now=now)
            return [
                (report, messages[report.send_key])
                for report in reports
                # A machine that opens everything is no reader: nothing a journey waits for or ends on may take it for one.
                if report.send_key in messages and report.word in KINDS and not report.by_machine
                if not await self._is_outdated(connection, report, messages[report.send_key])
            ]

    async def _is_outdated(self, connection: AsyncConnection, report: Report, message: Sent) -> bool:
        """Whether it is a refusal that the person has taken back since."""
        return KINDS[report.word] is Unsubscribed and await asked_since(
            connection, message.user_id, message.topic or EVERY, report.at
        )

    async def _bury(self, connection: AsyncConnection, news: Sequence[Report]) -> None:
        """Nothing more goes to an address that does not exist, whoever has it."""
        bounced = [report for report in news if report.word == "bounce"]
        dead = {self._addresses.hash("email", report.address): report.at for report in bounced if report.address}
        if nameless := sum(not report.address for report in bounced):
            log.warning("hard bounces came without an address: nothing more is known to be dead", count=nameless)
        for address, at in sorted(dead.items()):
            await put_dead(self._database, connection, "email", address, "hard bounce", at)

    def _event(self, report: Report, message: Sent, now: datetime) -> Incoming | None:
        """The report as a client would have sent it; None where no event can say it, as of a topic with a strange name."""
        kind = KINDS[report.word]
        facts: dict[str, Any] = {"template": message.template, "topic": message.topic, "send_key": message.send_key}
        if kind is Unsubscribed:
            facts = {"channel": "email", "topic": message.topic or EVERY}
        elif kind is EmailClicked:
            facts["link"] = self._without_token(report.link)
        elif kind is EmailBounced:
            facts["permanent"] = report.word == "bounce"
        incoming = Incoming(
            event_id=f"sendgrid-{hashlib.sha256(report.id.encode()).hexdigest()[:32]}",
            name=kind.event_name,
            occurred_at=report.at,
            received_at=now,
            user_id=message.user_id,
            anonymous_id=None,
            properties={name: value for name, value in facts.items() if value is not None},
            second_hand=True,
        )
        try:
            return checked(incoming)
        except EventError:
            return None

    def _without_token(self, link: str | None) -> str | None:
        """Links to our own pages hold a token that acts for the person: only the page's name is kept."""
        if link is None or not link.startswith(self._ours):
            return link
        return self._ours + link.removeprefix(self._ours).partition("/")[0]


def _row(report: Report, now: datetime) -> dict[str, Any]:
    return {
        "id": report.id,
        "send_key": report.send_key,
        "event": report.word,
        "by_machine": report.by_machine,
        "at": report.at,
        "received_at": now,
    }
