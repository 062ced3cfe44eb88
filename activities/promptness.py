"""How long a message took from the request that set it off, where nothing had to be waited for."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.facts import arrival_of
from storage.ledger import Send

AT_ONCE = timedelta(seconds=2)
"""How long after an event a journey wants what it has not waited for: Temporal's start and its first task take that at most."""


def has_rested(line: Send) -> bool:
    """Whether quiet hours, a cap or the person's best hour have held it back; a provider that asks to wait is another matter."""
    return line.until is not None and not line.fence


async def took(connection: AsyncConnection, entry_id: str, since: datetime, at: datetime) -> timedelta | None:
    """From the arrival of the event that opened the pass until `at`; None where the journey wanted the message later than that.

    `since` is when it was first wanted.
    """
    arrived = await arrival_of(connection, entry_id)
    return None if arrived is None or since - arrived >= AT_ONCE else max(at - arrived, timedelta(0))


def milliseconds(duration: timedelta | None) -> int | None:
    """As the ledger keeps it."""
    return None if duration is None else round(duration.total_seconds() * 1000)
