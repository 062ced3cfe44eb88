"""Which in-app messages a person has, and which of them were read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from messages import RenderedCard

from .tables import outbox, sends

IN_APP = (outbox.c.user_id == bindparam("user"), outbox.c.channel == "in_app")
NAMED = outbox.c.send_key.in_(bindparam("ids", expanding=True))

LIVING = or_(outbox.c.expires_at.is_(None), outbox.c.expires_at >= bindparam("now"))
MESSAGE = select(
    outbox.c.id, outbox.c.user_id, outbox.c.send_key, outbox.c.template, outbox.c.rendered, outbox.c.sent_at,
    outbox.c.expires_at, outbox.c.read_at,
)  # fmt: skip

# Built once: a site asks for this on every page it shows.
FRESH = MESSAGE.where(*IN_APP, LIVING).order_by(outbox.c.id.desc()).limit(bindparam("most"))
NAMED_WITH_TOPIC = (
    select(outbox.c.send_key, outbox.c.template, outbox.c.rendered, sends.c.topic)
    .outerjoin_from(outbox, sends, sends.c.send_key == outbox.c.send_key)
    .where(*IN_APP, NAMED)
)
OWN = select(outbox.c.send_key).where(*IN_APP, NAMED)
READ = (
    update(outbox)
    .where(*IN_APP, NAMED, outbox.c.read_at.is_(None))
    .values(read_at=bindparam("moment"))
    .returning(outbox.c.send_key)
)


@dataclass(frozen=True)
class InAppMessage:
    """One message inside the site or app; `id` is its send_key, `read_at` None while nobody has said that it was read."""

    id: str
    template: str
    card: RenderedCard
    sent_at: datetime
    expires_at: datetime | None
    read_at: datetime | None


async def inbox_of(connection: AsyncConnection, user_id: str, now: datetime, limit: int) -> list[InAppMessage]:
    """The person's newest messages, read and unread, without those that have expired by `now`.

    Expiry is journey time and a reader's `now` is the real time: the same, but for runs that were moved ahead in a demo.
    """
    rows = await connection.execute(FRESH, {"user": user_id, "now": now, "most": limit})
    return [message_of(row) for row in rows]


@dataclass(frozen=True)
class Clickable:
    """What is known of a message that somebody clicked."""

    template: str
    topic: str | None
    link: str


async def clickable(connection: AsyncConnection, user_id: str, ids: Collection[str]) -> dict[str, Clickable]:
    """Those of these messages that are this person's."""
    rows = await connection.execute(NAMED_WITH_TOPIC, {"user": user_id, "ids": sorted(set(ids))})
    return {row.send_key: Clickable(row.template, row.topic, row.rendered.get("link", "")) for row in rows}


async def mark_read(connection: AsyncConnection, user_id: str, ids: Collection[str], now: datetime) -> dict[str, bool]:
    """Note that these were read. Returns those of them that are this person's, each with whether it was read just now.

    What was read before keeps its first moment; what has expired can still be read by who has it on the screen.
    """
    named = {"user": user_id, "ids": sorted(set(ids))}
    fresh = {row.send_key for row in await connection.execute(READ, named | {"moment": now})}
    return {row.send_key: row.send_key in fresh for row in await connection.execute(OWN, named)}


def message_of(row: Any) -> InAppMessage:
    """A row of MESSAGE as what it is."""
    card = RenderedCard(**row.rendered)
    return InAppMessage(row.send_key, row.template, card, row.sent_at, row.expires_at, row.read_at)
