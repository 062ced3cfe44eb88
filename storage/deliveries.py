"""What providers have told of each message, and what it makes of the ledger's line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .consents import EVERY, put_consent
from .database import Database
from .doubts import BY_A_PERSON, counted_from
from .tables import consents, deliveries, sends

ACCEPTED = frozenset(
    {
        "processed", "deferred", "delivered", "open", "click", "bounce", "blocked", "spamreport", "unsubscribe",
        "group_unsubscribe", "group_resubscribe",
    }
)  # fmt: skip
"""Words that are said only of what the provider has accepted."""
TRIED = ACCEPTED - {"processed", "deferred"}
"""Words that are said only of what went out to the person's own server; a drop, then, was of a second copy."""
DROPPED = "SendGrid dropped"
REFUSALS = {"spamreport": "spam report", "unsubscribe": "unsubscribed", "group_unsubscribe": "unsubscribed"}
"""Words by which a person asks not to get more, with the reason that is kept."""
OPEN = sends.c.status.in_(("claimed", "held", "unknown"))
"""Lines about which the provider knows better."""
MISTAKEN = or_(
    OPEN,
    and_(
        sends.c.status == "refused",
        or_(sends.c.resent, sends.c.reason.startswith(BY_A_PERSON), sends.c.reason.startswith(DROPPED)),
    ),
    and_(sends.c.status == "withheld", or_(sends.c.resent, sends.c.fence > 0)),
)
"""Lines that are accepted if the provider says so: also those of which a person believed otherwise, or which were withheld,
refused or dropped on their second way. What the provider refused at once stays refused.
"""

ABOUT = select(sends.c.send_key, sends.c.user_id, sends.c.template, sends.c.topic).where(
    sends.c.send_key.in_(bindparam("keys", expanding=True))
)
WORDS = (
    select(deliveries.c.send_key, deliveries.c.event, deliveries.c.at, deliveries.c.by_machine)
    .where(deliveries.c.send_key.in_(bindparam("keys", expanding=True)))
    .order_by(deliveries.c.at)
)
LAST = select(consents.c.given, consents.c.at).where(
    consents.c.user_id == bindparam("user"), consents.c.channel == "email", consents.c.topic == bindparam("topic")
)


@dataclass(frozen=True)
class Sent:
    """Whom a message was for, and what it was."""

    send_key: str
    user_id: str
    template: str | None
    topic: str | None


async def sent(connection: AsyncConnection, send_keys: Collection[str]) -> dict[str, Sent]:
    """The ledger's messages among these, by send_key."""
    rows = await connection.execute(ABOUT, {"keys": sorted(set(send_keys))})
    return {row.send_key: Sent(**row._asdict()) for row in rows}


async def put_deliveries(database: Database, connection: AsyncConnection, rows: Iterable[dict[str, Any]]) -> set[str]:
    """Keep what was told, once per the provider's own id; returns the ids that were not known."""
    # Two transactions that bring the same ids in another order would wait for each other.
    if not (wanted := sorted({row["id"]: row for row in rows}.values(), key=lambda row: str(row["id"]))):
        return set()
    insert = database.insert(deliveries).values(wanted).on_conflict_do_nothing().returning(deliveries.c.id)
    return {row.id for row in await connection.execute(insert)}


async def attach(
    database: Database,
    connection: AsyncConnection,
    messages: Mapping[str, Sent],
    provider_ids: Mapping[str, str] | None = None,
    *,
    now: datetime,
) -> None:
    """Let what is kept about these messages hold, also what came before their lines; the caller holds their persons' locks."""
    told: dict[str, dict[str, datetime]] = {}
    facts: dict[str, Any]
    for row in await connection.execute(WORDS, {"keys": sorted(messages)}):
        told.setdefault(row.send_key, {})[row.event] = row.at
    for key, words in told.items():
        dropped = next((word for word in words if word.startswith("dropped")), None)
        if dropped is not None and TRIED.isdisjoint(words):
            facts = {"status": "refused", "reason": f"SendGrid {dropped}"}
            await _settle(connection, key, or_(OPEN, sends.c.status == "accepted"), facts, provider_ids)
        elif not ACCEPTED.isdisjoint(words):
            facts = {"status": "accepted", "reason": None, "at": counted_from(now)}
            await _settle(connection, key, MISTAKEN, facts, provider_ids)
        for word, at in words.items():
            if word in REFUSALS:
                message = messages[key]
                topic = EVERY if word == "spamreport" else message.topic or EVERY
                last = await _last(connection, message.user_id, topic)
                if last is None or (last.given and last.at <= at):
                    reason = REFUSALS[word]
                    await put_consent(
                        database, connection, message.user_id, "email", topic, given=False, reason=reason, now=at
                    )


async def words_of(connection: AsyncConnection, send_keys: Collection[str]) -> dict[str, list[tuple[str, datetime]]]:
    """What was told of each of these messages and when it happened, oldest first; machines that open mail are named."""
    found: dict[str, list[tuple[str, datetime]]] = {}
    for row in await connection.execute(WORDS, {"keys": sorted(send_keys)}):
        found.setdefault(row.send_key, []).append(
            (f"{row.event} by a machine" if row.by_machine else row.event, row.at)
        )
    return found


async def asked_since(connection: AsyncConnection, user_id: str, topic: str, at: datetime) -> bool:
    """Whether the person has asked for emails of that topic after that moment."""
    last = await _last(connection, user_id, topic)
    return last is not None and last.given and last.at > at


async def _last(connection: AsyncConnection, user_id: str, topic: str) -> Row[Any, Any] | None:
    return (await connection.execute(LAST, {"user": user_id, "topic": topic})).first()


async def _settle(
    connection: AsyncConnection,
    send_key: str,
    which: ColumnElement[bool],
    facts: Mapping[str, Any],
    provider_ids: Mapping[str, str] | None,
) -> None:
    """By the provider's word; an attempt that still waits for its answer finds the line settled."""
    known = (provider_ids or {}).get(send_key)
    settled = {"until": None, "provider": "sendgrid", "provider_id": func.coalesce(sends.c.provider_id, known), **facts}
    await connection.execute(update(sends).where(sends.c.send_key == send_key, which).values(settled))
