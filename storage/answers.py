"""How often a person answered to what was sent, by channel."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events import PushTapped
from messages import Channel
from profiles.choice import Answered

from .tables import deliveries, events, sends

LATELY = timedelta(days=90)
MINE = and_(
    sends.c.user_id == bindparam("user"),
    sends.c.at > bindparam("since"),
    sends.c.status == "accepted",
    sends.c.channel.in_(("email", "push")),
)
SENT = select(sends.c.channel, func.count()).where(MINE).group_by(sends.c.channel)
OPENED = (
    select(func.count(distinct(sends.c.send_key)))
    .select_from(sends.join(deliveries, deliveries.c.send_key == sends.c.send_key))
    .where(
        MINE,
        sends.c.channel == "email",
        deliveries.c.event.in_(("open", "click")),
        deliveries.c.by_machine.is_(False),
    )
)
TAPPED = (
    select(func.count())
    .select_from(events)
    .where(
        events.c.user_id == bindparam("user"),
        events.c.name == PushTapped.event_name,
        events.c.occurred_at > bindparam("since"),
    )
)


async def answers_of(connection: AsyncConnection, user_id: str, now: datetime) -> dict[Channel, Answered]:
    """By email and by push, of the last 90 days: emails opened or clicked by a person, pushes tapped."""
    asked = {"user": user_id, "since": now - LATELY}
    sent = {row[0]: int(row[1]) for row in await connection.execute(SENT, asked)}
    opened = await connection.scalar(OPENED, asked) if sent.get("email") else 0
    tapped = await connection.scalar(TAPPED, asked) if sent.get("push") else 0
    return {
        "email": Answered(sent.get("email", 0), opened or 0),
        "push": Answered(sent.get("push", 0), min(tapped or 0, sent.get("push", 0))),
    }
