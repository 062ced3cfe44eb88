"""Which messages nobody knows the fate of, and how a person's word settles one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, case, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .ledger import Send
from .people import lock_people
from .tables import sends

Verdict = Literal["accepted", "refused"]
BY_A_PERSON = "settled by "
"""How the reason of a line begins that a person has settled."""


async def doubts(connection: AsyncConnection, limit: int) -> tuple[int, list[Send]]:
    """How many messages are in doubt, and those that have been for longest."""
    in_doubt = sends.c.status == "unknown"
    count = await connection.scalar(select(func.count()).select_from(sends).where(in_doubt))
    rows = await connection.execute(
        select(sends).where(in_doubt).order_by(sends.c.machine_at, sends.c.send_key).limit(limit)
    )
    return count or 0, [Send(**row._asdict()) for row in rows]


async def lines_beginning(connection: AsyncConnection, beginning: str) -> list[Send]:
    """The ledger's lines whose send_key begins so, three at most; `beginning` is hexadecimal, as every send_key is."""
    # A range, because LIKE finds no index on PostgreSQL; "g" comes after every hexadecimal digit.
    found = select(sends).where(sends.c.send_key >= beginning, sends.c.send_key < beginning + "g").limit(3)
    return [Send(**row._asdict()) for row in await connection.execute(found)]


async def settle_doubt(database: Database, line: Send, verdict: Verdict, reason: str, now: datetime) -> bool:
    """Write a person's word over a doubt; False where it has been settled otherwise meanwhile, which then stays."""
    async with database.write() as connection:
        # Under the person's lock, as the attempt that may be about to send it once more.
        await lock_people(database, connection, [line.user_id], now)
        still = (sends.c.send_key == line.send_key) & (sends.c.status == "unknown")
        facts: dict[str, Any] = {"status": verdict, "reason": reason, "until": None}
        if verdict == "accepted":
            facts["at"] = counted_from(now)
        result = await connection.execute(update(sends).where(still).values(facts))
    return result.rowcount == 1


def counted_from(now: datetime) -> ColumnElement[datetime]:
    """The `at` of a line that is found to be accepted now: caps count by it; a run that was moved ahead stays ahead."""
    return case((sends.c.at > now, sends.c.at), else_=literal(now, sends.c.at.type))
