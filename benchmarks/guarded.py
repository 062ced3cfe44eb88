"""What a guarded send costs of our own CPU beside the provider's call alone, and how many transactions that write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.channels.envelope import Envelope
from activities.channels.sendgrid import SendGrid
from activities.guard import Moments
from messages import RenderedEmail
from settings import Settings
from storage.database import Database
from storage.migrate import migrate
from storage.people import lock_people, write_people
from tests.doubles.sendgrid_client import SendGridProcess
from worker import sender_of
from workflows.catalogue import Catalogue
from workflows.requests import MessageRequest, Pass, SendRequest

COUNT = 300
AT_ONCE = 8
TEMPLATE = "cart/still_here"
SHOES = {
    "product_id": "p-1",
    "name": "Blue Shoes",
    "price": "59.90",
    "quantity": 1,
    "url": "https://shop.example.com/p",
}
CART = {"type": "Cart Updated", "cart_id": "c", "value": "59.90", "currency": "EUR", "products": [SHOES]}


class Counting(Database):
    """The database, with its writing transactions counted."""

    transactions = 0

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        self.transactions += 1
        return super().write()


@dataclass(frozen=True)
class Turn:
    """CPU seconds of this process for each send, and writing transactions; the provider's call alone has none."""

    guarded: float
    alone: float
    transactions: float


async def turns(folder: Path, count: int) -> list[Turn]:
    """So many turns of COUNT sends each, guarded and alone by turns, after one that is not counted."""
    async with SendGridProcess() as sendgrid:
        settings = Settings(data_dir=folder, quiet_hours="", caps="5 a week rolling")
        database = Counting(settings.database_url)
        provider = SendGrid("SG.double", sender=("hi@example.com", "Shop"), reply_to=None, host=sendgrid.url)
        try:
            await migrate(database)
            sender = sender_of(settings, database, Catalogue.load(), {"email": provider})

            async def guarded(user: str) -> None:
                answer = await sender.perform(_request(user), Moments(datetime.now(UTC), datetime.now(UTC)))
                assert answer.status == "accepted", answer

            async def alone(user: str) -> None:
                await provider.send(_envelope(user))

            found = []
            for number in range(count + 1):
                users = [f"u-{number}-{place}" for place in range(COUNT)]
                await _known(database, users)
                before = database.transactions
                mine = await _cpu(guarded, users)
                written = (database.transactions - before) / COUNT
                found.append(Turn(mine, await _cpu(alone, users), written))
            return found[1:]
        finally:
            await provider.close()
            await database.close()


async def _cpu(send: Callable[[str], Awaitable[None]], users: list[str]) -> float:
    """CPU seconds of this process, all its threads, for each of these."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(user: str) -> None:
        async with slots:
            await send(user)

    began = time.process_time()
    await asyncio.gather(*map(one, users))
    return (time.process_time() - began) / len(users)


async def _known(database: Database, users: list[str]) -> None:
    async with database.write() as connection:
        people = await lock_people(database, connection, users, datetime.now(UTC))
        for user, person in people.items():
            person.learn({"email": f"{user}@example.com", "firstName": "Ada", "timezone": "Europe/Berlin"})
        await write_people(database, connection, people.values())


def _request(user: str) -> SendRequest:
    walk = Pass(
        user=user, journey="cart_abandonment", key="c", entry=f"e-{user}", entry_seq=0, event=f"e-{user}", event_seq=0,
        first_run="run",
    )  # fmt: skip
    message = MessageRequest(channel="email", template=TEMPLATE, data={"cart": CART})
    return SendRequest(walk=walk, step=f"email {TEMPLATE}", occurrence=1, messages=(message,))


def _envelope(user: str) -> Envelope:
    """A message as long as the rendered one."""
    text = "Your cart is right where you left it. " * 20
    return Envelope(
        send_key=f"alone-{user}",
        user_id=user,
        channel="email",
        template=TEMPLATE,
        topic="carts",
        kind="service",
        rendered=RenderedEmail("Hey Ada, your cart awaits!", "", f"<html>{text * 12}</html>", text),
        address=f"{user}@example.com",
    )
