"""Sends without Temporal: the shipped Sender on a real database, asked by any journey for any moment."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from temporalio.exceptions import ApplicationError

from activities.caps import read_caps
from activities.channels.envelope import Provider
from activities.front_matter import CALL_KEYS
from activities.guard import Moments
from activities.policy import Policy, QuietHours
from activities.rendering import Shop, Templates
from activities.send import Sender
from events import Event, VideoPlaybackCompleted
from messages import Channel
from profiles.addresses import Addresses
from profiles.unsubscribe_links import UnsubscribeLinks
from storage.database import Database
from storage.ledger import Send, sends_of_person
from storage.migrate import migrate
from storage.people import lock_people, write_people
from workflows.catalogue import Catalogue, Listed
from workflows.definition import Journey, always
from workflows.requests import Answer, MessageRequest, Pass, SendRequest
from workflows.user import User

NUMBERS = itertools.count(1)
NEWS = "weekly/news"


async def nothing(user: User, event: Event) -> None:
    """A journey whose messages the tests send themselves."""


def journeys() -> Catalogue:
    """One journey of each priority: `first` (1) to `fifth` (5)."""
    names = ("first", "second", "third", "fourth", "fifth")
    return Catalogue(
        Listed(
            Journey(name, nothing, VideoPlaybackCompleted, None, None, None, (), always, "reactive", priority, "send"),
            (),
        )
        for priority, name in enumerate(names, 1)
    )


def templates(folder: Path, **front: str) -> Templates:
    """An email, a push, an in-app message and a webhook `weekly/news` whose front matter has these lines beside the subject."""
    lines = "".join(f"{key}: {value}\n" for key, value in front.items())
    of_calls = "".join(f"{key}: {value}\n" for key, value in front.items() if key in CALL_KEYS)
    files = {
        "email/weekly/news.en.mjml.liquid": f"---\nsubject: News\n{lines}---\n<mj-section><mj-column><mj-text>Hi</mj-text>"
        "</mj-column></mj-section>",
        "push/weekly/news.en.liquid": f"---\ntitle: News\nbody: Hi\n{lines}---\n",
        "in_app/weekly/news.en.liquid": f"---\ntitle: News\nbody: Hi\n{lines}---\n",
        "webhook/weekly/news.json.liquid": f"---\n{of_calls}---\n" + '{"text": "Hi"}',
        "email/layout.mjml.liquid": "<mjml><mj-body>{{ content }}</mj-body></mjml>",
    }
    for name, text in files.items():
        path = folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Templates(folder / "templates", shop=Shop("Shop", "https://shop.example.com", "Street 1", "hi@example.com"))


class Desk:
    """Where messages are asked for; every step is a new one unless it is named."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self.database = database
        self.sender = sender

    async def person(self, user: str, **facts: object) -> None:
        """Write down who somebody is; everybody has an email address."""
        async with self.database.write() as connection:
            known = (await lock_people(self.database, connection, [user], datetime.now(UTC)))[user]
            about = replace(known, traits={"email": f"{user}@example.com"}, **facts)  # type: ignore[arg-type]
            await write_people(self.database, connection, [about])

    async def ask(
        self,
        user: str,
        now: datetime,
        *,
        journey: str = "third",
        step: str | None = None,
        channel: Channel = "email",
        channels: tuple[Channel, ...] = (),
        due: datetime | None = None,
    ) -> Answer:
        """Let a journey send at that moment of journey time; what is to be tried again is tried again at once."""
        walk = step or f"e-{next(NUMBERS)}"
        while True:
            try:
                return await self.attempt(
                    user, now, journey=journey, step=walk, channel=channel, channels=channels, due=due
                )
            except ApplicationError as error:
                if error.type != "TryLater":
                    raise
                await asyncio.sleep(0.05)

    async def attempt(
        self,
        user: str,
        now: datetime,
        *,
        step: str,
        journey: str = "third",
        channel: Channel = "email",
        channels: tuple[Channel, ...] = (),
        due: datetime | None = None,
    ) -> Answer:
        """The same once; raises an ApplicationError where it is to be tried again."""
        walk = Pass(
            user=user, journey=journey, key="", entry=step, entry_seq=0, event=step, event_seq=0, first_run="run"
        )
        messages = tuple(MessageRequest(channel=each, template=NEWS) for each in channels or (channel,))
        name = f"{'|'.join(each.channel for each in messages)} {NEWS}"
        request = SendRequest(walk=walk, step=name, occurrence=1, messages=messages, due=due)
        return await self.sender.perform(request, Moments(now, datetime.now(UTC)))

    async def lines(self, user: str) -> list[Send]:
        """The ledger's lines about this person."""
        async with self.database.read() as connection:
            return await sends_of_person(connection, user)


@asynccontextmanager
async def desk(
    url: str,
    folder: Path,
    *,
    caps: str = "",
    quiet_hours: QuietHours | None = None,
    opt_in: frozenset[str] = frozenset(),
    providers: Mapping[Channel, Provider] | None = None,
    **front: str,
) -> AsyncIterator[Desk]:
    """A desk under these rules; `front` goes into the message's front matter."""
    database = Database(url)
    try:
        await migrate(database)
        policy = Policy(quiet_hours, read_caps(caps), opt_in=opt_in)
        links, addresses = UnsubscribeLinks("secret", "http://127.0.0.1"), Addresses("secret")
        told = templates(folder, **front)
        yield Desk(database, Sender(database, journeys(), told, policy, providers or {}, links, addresses))
    finally:
        await database.close()
