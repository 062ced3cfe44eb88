"""How tests let existing people into a journey, and see who has entered it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import select

from ingestion.enrolment import Enroller
from storage.database import Database
from storage.enrolments import Enrolment, add_enrolment
from storage.tables import entries
from workflows.catalogue import Catalogue


async def begun(database: Database, journey: str, segment: str = "everybody", *, name: str = "e-1") -> Enrolment:
    """A new enrolment, of whoever is known by now."""
    enrolment = Enrolment(name, journey, segment, datetime.now(UTC))
    async with database.write() as connection:
        await add_enrolment(connection, enrolment)
    return enrolment


async def finished(database: Database, enrolment: Enrolment, *, rate: float = 1000) -> Enrolment:
    """The enrolment after it has come to its end."""
    enroller = Enroller(database, Catalogue.load(), enrolment.journey, enrolment.segment, rate=rate)
    async for moved in enroller.enrol(enrolment):
        enrolment = moved
    return enrolment


async def rehearsed(database: Database, journey: str, segment: str = "everybody") -> Counter[str]:
    """What a dry run counts."""
    enrolment = Enrolment("e-dry", journey, segment, datetime.now(UTC))
    async for moved in Enroller(database, Catalogue.load(), journey, segment, rate=1).rehearse(enrolment):
        enrolment = moved
    return enrolment.counts


async def entered(database: Database, journey: str) -> Counter[str]:
    """How often each person has an entry into this journey."""
    async with database.read() as connection:
        rows = await connection.execute(select(entries.c.user_id).where(entries.c.journey == journey))
        return Counter(row.user_id for row in rows)
