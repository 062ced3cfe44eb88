"""What becomes of messages that are held back, or claimed by an attempt that died, when the pass that wanted them is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from workflows.requests import SILENCE

from .runs import Place
from .tables import sends

GONE = "its run had ended"
"""Why a message is withheld that nobody asks for any more; a run that support has reset may ask for it again."""
DIED = "the attempt died in the provider call"

# Built once: putting a statement together costs as much as running it.
OF_PASS = and_(
    sends.c.user_id == bindparam("of_user"),
    sends.c.journey == bindparam("of_journey"),
    sends.c.key == bindparam("of_key"),
    sends.c.entry_id == bindparam("of_entry"),
)
WITHDRAW = (
    update(sends)
    .where(OF_PASS, sends.c.status == "held")
    # One that may have arrived and was to go once more: that nobody knows stays the truth.
    .values(status=case((sends.c.resent, "unknown"), else_="withheld"), reason=bindparam("why"), until=None)
)
GIVE_UP = (
    update(sends)
    .where(OF_PASS, sends.c.status == "claimed", sends.c.until <= bindparam("now"))
    .values(status="unknown", reason=DIED, until=bindparam("silent_until"))
)
OVERDUE = (
    select(sends.c.journey, sends.c.user_id, sends.c.key, sends.c.entry_id)
    .where(
        sends.c.status.in_(("held", "claimed")),
        or_(
            sends.c.until < bindparam("before"), and_(sends.c.until.is_(None), sends.c.machine_at < bindparam("before"))
        ),
    )
    .group_by(sends.c.journey, sends.c.user_id, sends.c.key, sends.c.entry_id)
    .order_by(func.random())
)


async def withdraw(connection: AsyncConnection, place: Place, entry_id: str, reason: str) -> None:
    """Settle every held message of this pass as withheld, for this reason; the caller holds the person's lock."""
    await connection.execute(WITHDRAW, _of(place, entry_id) | {"why": reason})


async def settle_left(connection: AsyncConnection, place: Place, entry_id: str, now: datetime) -> None:
    """Settle what this pass has left behind, its run being closed at `now` (machine time); the caller holds the person's lock.

    What was held is withheld. What was claimed by an attempt that has died since is in doubt.
    """
    await withdraw(connection, place, entry_id, GONE)
    await connection.execute(GIVE_UP, _of(place, entry_id) | {"now": now, "silent_until": now + SILENCE})


async def overdue(connection: AsyncConnection, now: datetime, limit: int) -> list[tuple[Place, str]]:
    """Some passes, by chance, with their entry ids, of which a message should have been settled a minute ago: their runs may have ended.

    `now` is machine time, and a message is held until a moment of journey time: that only tells when to look after it.
    """
    rows = await connection.execute(OVERDUE.limit(limit), {"before": now - timedelta(minutes=1)})
    return [(Place(row.journey, row.user_id, row.key), row.entry_id) for row in rows]


def _of(place: Place, entry_id: str) -> dict[str, str]:
    return {"of_user": place.user_id, "of_journey": place.journey, "of_key": place.key, "of_entry": entry_id}
