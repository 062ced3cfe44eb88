"""The webhook's door over a database, and what is in the database behind it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import Row, select
from starlette.applications import Starlette

from ingestion.deliveries import Deliveries
from ingestion.sendgrid_webhook import PATH, sendgrid_webhook
from ingestion.signature import WebhookKey
from profiles.addresses import Addresses
from storage.ledger import Send, put_send, sends_of_person
from storage.people import lock_people
from storage.tables import consents, deliveries, unreachable
from tests.door import Door, opened_door
from tests.doubles.sendgrid_webhooks import Message, Signer, body_of, report

FRONT_DOOR = "https://journeys.example.com/mail"
ADDRESSES = Addresses("a secret of the tests")


class Desk:
    """Posts what SendGrid would, and looks at what has come of it."""

    def __init__(self, door: Door, http: httpx.AsyncClient, signer: Signer) -> None:
        self.door = door
        self.http = http
        self.signer = signer

    async def sent(self, user: str, name: str = "a", **changes: Any) -> Message:
        """A line of the ledger about an email that this person is being sent."""
        now = datetime.now(UTC)
        key = hashlib.sha256(f"{user}/{name}".encode()).hexdigest()
        line = Send(
            send_key=key,
            step_key=key[::-1],
            user_id=user,
            journey="nap",
            key="",
            entry_id="e",
            step=f"email {name}",
            channel="email",
            template="cart/still_here",
            topic="carts",
            kind="marketing",
            status="claimed",
            at=now,
            machine_at=now,
            until=now,
            fence=1,
        )
        async with self.door.database.write() as connection:
            await lock_people(self.door.database, connection, [user], now)
            await put_send(self.door.database, connection, replace(line, **changes))
        return message_of(user, key)

    async def post(self, reports: Sequence[Any] | bytes, **changes: str | bytes) -> httpx.Response:
        """One signed post; `changes` are headers by their last word."""
        body = reports if isinstance(reports, bytes) else body_of(reports)
        headers = {name: value.encode() for name, value in self.signer.headers(body).items()}
        for name, value in changes.items():
            known = f"X-Twilio-Email-Event-Webhook-{name.title()}"
            headers[known] = value if isinstance(value, bytes) else value.encode()
        return await self.http.post(
            PATH, content=body, headers=[(name.encode(), value) for name, value in headers.items()]
        )

    async def tells(self, message: Message, *words: str, **more: Any) -> None:
        """One post with these words, which is taken."""
        answer = await self.post([report(message, word, **more) for word in words])
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"success": True}

    async def line(self, message: Message, user: str) -> Send:
        """The ledger's line of a message."""
        async with self.door.database.read() as connection:
            lines = await sends_of_person(connection, user)
        return next(line for line in lines if line.send_key == message.send_key)

    async def consents(self, user: str) -> list[tuple[str, str, bool, str]]:
        """What is kept of the person's words: channel, topic, given, reason."""
        rows = await self.door.rows(consents)
        return [(row.channel, row.topic, row.given, row.reason) for row in rows if row.user_id == user]

    async def dead(self) -> dict[str, str]:
        """Dead addresses, as hashes, with the reason."""
        return {row.address_hash: row.reason for row in await self.door.rows(unreachable)}

    async def deliveries(self, message: Message) -> list[Row[Any]]:
        """What is kept of what was told of a message, in the order in which it happened."""
        query = select(deliveries).where(deliveries.c.send_key == message.send_key).order_by(deliveries.c.at)
        async with self.door.database.read() as connection:
            return list(await connection.execute(query))


def message_of(user: str, key: str) -> Message:
    """The message as SendGrid knows it."""
    return Message(key, hashlib.sha256(key.encode()).hexdigest()[:22], f"{user}@example.org")


@asynccontextmanager
async def desk_over(database_url: str) -> AsyncIterator[Desk]:
    """Accept and the webhook's door over the database of that URL, without a relay."""
    signer = Signer()
    async with opened_door(database_url) as door:
        taking = Deliveries(door.database, door.acceptor, ADDRESSES, front_door=FRONT_DOOR)
        app = Starlette(routes=[sendgrid_webhook(taking, WebhookKey(signer.public_key))])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://front-door") as http:
            yield Desk(door, http, signer)
