"""Sends without workflows: the shipped Sender, asked again and again as Temporal would ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.exceptions import ApplicationError

from activities.channels.firebase import Firebase
from activities.channels.sendgrid import SendGrid
from activities.claims import step_of
from activities.guard import Moments
from activities.send import Sender
from messages import Channel
from settings import Settings
from storage.database import UNREACHABLE, Database
from storage.ledger import send_key
from storage.migrate import migrate
from storage.people import lock_people, write_people
from tests.doubles.sendgrid import SendGridDouble
from worker import sender_of
from workflows.catalogue import Catalogue
from workflows.requests import Answer, MessageRequest, Pass, SendRequest

from .offering import Again

AT_A_TIME = 500
"""People written in one transaction."""
THREADS = 64


Tokens = Callable[[str], list[dict[str, str]]]
"""The push addresses of a person."""


@dataclass(frozen=True)
class Message:
    """A template, and a journey that it is sent by."""

    journey: str
    template: str
    channel: Channel = "email"


MARKETING = Message("win_back", "win_back/last_offer")
SERVICE = Message("onboarding", "onboarding/welcome")
PUSH = Message("win_back", "win_back/we_miss_you", "push")


def wanted(number: int, message: Message, user: str) -> SendRequest:
    """The request of one step of one pass; another number is another pass."""
    walk = Pass(
        user=user,
        journey=message.journey,
        key=str(number),
        entry=f"entry-{number}",
        entry_seq=0,
        event=f"entry-{number}",
        event_seq=0,
        first_run=f"run-{number}",
    )
    request = MessageRequest(channel=message.channel, template=message.template)
    return SendRequest(walk=walk, step=f"{message.channel} {message.template}", occurrence=1, messages=(request,))


def key_of(request: SendRequest) -> str:
    """The send key that follows from the request, whatever the ledger says."""
    return send_key(step_of(request), request.messages[0].channel)


class Desk:
    """Where messages are asked for; `answers` holds the last answer to each send key."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self.database = database
        self.sender = sender
        self.answers: dict[str, Answer] = {}

    async def people(self, users: Iterable[str], tokens: Tokens = lambda user: []) -> None:
        """Write down these people; everybody has an email address."""
        names = [*users]
        for place in range(0, len(names), AT_A_TIME):
            async with self.database.write() as connection:
                known = await lock_people(
                    self.database, connection, names[place : place + AT_A_TIME], datetime.now(UTC)
                )
                about = [
                    replace(person, traits={"email": f"{user}@example.com"}, tokens=tokens(user))
                    for user, person in known.items()
                ]
                await write_people(self.database, connection, about)

    async def once(self, request: SendRequest) -> None:
        """One attempt of the activity; raises Again where Temporal would try it once more."""
        now = datetime.now(UTC)
        await self.at(request, Moments(now, now))

    async def at(self, request: SendRequest, now: Moments) -> Answer:
        """The same, for that moment of journey time."""
        try:
            answer = await self.sender.perform(request, now)
        except ApplicationError as error:
            raise Again(error.next_retry_delay.total_seconds() if error.next_retry_delay else 1.0) from None
        except UNREACHABLE:
            raise Again(1.0) from None
        self.answers[key_of(request)] = answer
        return answer


@asynccontextmanager
async def opened(
    url: str, home: Path, double: SendGridDouble, secret: str, *, threads: int = THREADS
) -> AsyncIterator[Desk]:
    """The Sender as the worker puts it together, with the shipped SendGrid channel calling the double."""
    settings = _settings(url, home, secret, sendgrid_url=double.url)
    who = (settings.sender, settings.sender_name)
    provider = SendGrid(double.api_key, sender=who, reply_to=None, host=double.url, threads=threads)
    async with _with(settings, "email", provider) as desk:
        yield desk


@asynccontextmanager
async def pushing(url: str, home: Path, key_file: Path, secret: str) -> AsyncIterator[Desk]:
    """The same with the shipped Firebase channel, and so with Firebase's own client; the environment says where that calls."""
    async with _with(_settings(url, home, secret), "push", Firebase(key_file, threads=THREADS)) as desk:
        yield desk


def _settings(url: str, home: Path, secret: str, **more: Any) -> Settings:
    return Settings(
        data_dir=home, database=url, caps="", quiet_hours="", secret=secret, opt_in="", webhooks="", rates="", **more
    )


@asynccontextmanager
async def _with(settings: Settings, channel: Channel, provider: SendGrid | Firebase) -> AsyncIterator[Desk]:
    database = Database(settings.database)
    try:
        await migrate(database)
        yield Desk(database, sender_of(settings, database, Catalogue.load(), {channel: provider}))
    finally:
        await provider.close()
        await database.close()
