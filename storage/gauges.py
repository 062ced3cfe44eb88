"""How much waits at this moment: events for Temporal, and messages whose fate is not settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .aside import count_aside
from .routing import backlog
from .tables import events, routing, sends

OPEN = ("claimed", "held", "unknown")
"""States of the ledger in which something is still to come; the settled ones grow for ever, and are not counted."""
OLDEST = select(events.c.received_at).join(routing, routing.c.seq == events.c.seq).order_by(routing.c.seq).limit(1)
LEDGER = select(sends.c.status, func.count().label("messages")).where(sends.c.status.in_(OPEN)).group_by(sends.c.status)


@dataclass(frozen=True)
class Waiting:
    """Counts of what waits; `lag` is since when the event waits that was accepted first."""

    unrouted: int
    lag: timedelta
    set_aside: int
    ledger: dict[str, int]


async def waiting(connection: AsyncConnection, now: datetime) -> Waiting:
    """All of it; the cost depends on how much waits, not on how much there ever was."""
    oldest = await connection.scalar(OLDEST)
    counts = {row.status: row.messages for row in await connection.execute(LEDGER)}
    return Waiting(
        unrouted=await backlog(connection),
        lag=max(now - oldest, timedelta(0)) if oldest else timedelta(0),
        set_aside=await count_aside(connection),
        ledger={status: counts.get(status, 0) for status in OPEN},
    )
