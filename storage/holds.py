"""What becomes of messages that are held back when the pass that wanted them is over."""

from __future__ import annotations

from sqlalchemy import bindparam, case, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .runs import Place
from .tables import sends

# Built once: putting a statement together costs as much as running it.
WITHDRAW = (
    update(sends)
    .where(
        sends.c.user_id == bindparam("of_user"),
        sends.c.journey == bindparam("of_journey"),
        sends.c.key == bindparam("of_key"),
        sends.c.entry_id == bindparam("of_entry"),
        sends.c.status == "held",
    )
    # One that was handed over before, and was to go once more, may have arrived: that nobody knows stays the truth.
    .values(status=case((sends.c.resent, "unknown"), else_="withheld"), reason=bindparam("why"), until=None)
)


async def withdraw(connection: AsyncConnection, place: Place, entry_id: str, reason: str) -> None:
    """Settle every held message of this pass as withheld, for this reason; the caller holds the person's lock."""
    of = {"of_user": place.user_id, "of_journey": place.journey, "of_key": place.key, "of_entry": entry_id}
    await connection.execute(WITHDRAW, of | {"why": reason})
