"""What it takes to count a report of a million messages, and whom that keeps waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from benchmarks.report_rows import EACH, fill, holding
from reporting.period import Period, period_of
from reporting.report import report_of
from storage.database import Database
from storage.migrate import migrate
from storage.tables import entries, events, sends
from workflows.catalogue import Catalogue

TICK = 0.01
DAYS = 365


@dataclass(frozen=True)
class Counted:
    """Seconds of a report over all days and over the last thirty, of which so much the loop's other tasks woke too late."""

    sends: int
    entries: int
    events: int
    whole: float
    month: float
    late_p99: float
    late: float


async def turn(url: str, size: int, done: Callable[[int], None]) -> Counted:
    """Fill an empty database with about `size` messages, and take every figure once."""
    database, now = Database(url, durable=False), datetime.now(UTC)
    try:
        await migrate(database)
        await fill(database, round(size / EACH), now, done, DAYS)
        if not database.is_sqlite:
            async with database.write() as connection:
                await connection.exec_driver_sql("ANALYZE")
        catalogue, zone = holding(Catalogue.load()), ZoneInfo("UTC")
        whole = period_of("2000-01-01", "", "7", zone, now)
        month = period_of("", "", "7", zone, now)
        late: list[float] = []
        ticking = asyncio.create_task(_tick(late))
        await report_of(database, catalogue, month, 0)
        took = {each: await _timed(database, catalogue, each) for each in (whole, month)}
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        async with database.survey() as connection:
            counts = [
                int((await connection.execute(select(func.count()).select_from(table))).scalar_one())
                for table in (sends, entries, events)
            ]
        late.sort()
        sent, entered, told = counts
        return Counted(sent, entered, told, took[whole], took[month], late[int(0.99 * len(late))], late[-1])
    finally:
        await database.close()


def address(folder: Path) -> str:
    """Of a SQLite database in that folder."""
    return f"sqlite:///{folder / 'journeyman.db'}"


async def _timed(database: Database, catalogue: Catalogue, period: Period) -> float:
    began = time.perf_counter()
    await report_of(database, catalogue, period, 0)
    return time.perf_counter() - began


async def _tick(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        late.append(time.perf_counter() - due)
