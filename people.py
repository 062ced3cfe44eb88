"""What an operator brings of people in a file, and what became of each row."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from connect import opened
from errors import EventError, JourneymanError
from ingestion.accept import Acceptor
from ingestion.incoming import Incoming
from ingestion.rows import REJECTED, Row, columns_of, message_of, read_rows
from service import acceptor_of
from settings import Settings
from storage.acceptance import digests_of
from storage.database import Database
from workflows.catalogue import Catalogue

TOGETHER = 1000


@dataclass
class Imported:
    """What became of the rows so far."""

    new: int = 0
    known: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        return self.new + self.known + self.rejected


class Rejects:
    """The file beside the one that is imported, with the rows that were not taken and why; its owner's alone."""

    def __init__(self, source: Path) -> None:
        self.path = source.with_name(f"{source.stem}.rejected{source.suffix}")
        self._columns = columns_of(source) if source.suffix.lower() == ".csv" else None
        self.path.unlink(missing_ok=True)  # of an earlier run, which this one goes through again

    def add(self, row: Row, reason: str) -> None:
        """One row more."""
        is_first = not self.path.exists()
        if is_first:
            self.path.touch(mode=0o600)
        with self.path.open("a", encoding="utf-8", errors="surrogateescape", newline="") as file:
            values = row.values | {REJECTED: reason}
            if self._columns is None:
                file.write(json.dumps(values) + "\n")
                return
            columns = [name for name in self._columns if name != REJECTED]
            writer = csv.DictWriter(file, [*columns, REJECTED], restval="", extrasaction="ignore")
            if is_first:
                writer.writeheader()
            writer.writerow(values)


async def bring(settings: Settings, path: Path, *, dry_run: bool, console: Console) -> str:
    """Take over every row that is not known yet; returns the account for people. SettingsError for a file that is none."""
    rows = read_rows(path)
    first = next(rows, None)  # nothing is opened, and no file made, for one that cannot be read
    done = Imported()
    rejects = None if dry_run else Rejects(path)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    began = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(settings))
        acceptor = acceptor_of(settings, database, Catalogue.load(), lambda users: None)
        await stack.enter_async_context(acceptor)
        progress = stack.enter_context(Progress(*columns, console=console, disable=not console.is_terminal))
        task = progress.add_task("rows", total=None)
        for page in _pages(itertools.chain([first] if first else [], rows)):
            await _take(database, None if dry_run else acceptor, page, done, rejects)
            progress.update(task, completed=done.rows)
    seconds = (datetime.now(UTC) - began).total_seconds()
    return account(done, rejects, seconds)


def account(done: Imported, rejects: Rejects | None, seconds: float) -> str:
    """How many rows were taken and how many not."""
    lines = [] if rejects else ["Nothing was changed. It would be:"]
    lines += [
        f"{done.new:>10,}  taken" + (f", {done.rows / seconds:,.0f} rows a second" if rejects else ""),
        f"{done.known:>10,}  known: an import has taken them before",
        f"{done.rejected:>10,}  rejected" + (f", see {rejects.path.name}" if rejects and done.rejected else ""),
    ]
    return "\n".join(lines)


async def _take(
    database: Database, acceptor: Acceptor | None, page: list[Row], done: Imported, rejects: Rejects | None
) -> None:
    now, good = datetime.now(UTC), list[tuple[Row, Incoming]]()
    for row in page:
        try:
            good.append((row, message_of(row, now)))
        except EventError as error:
            _reject(row, error, done, rejects)
    messages = [message for _, message in good]
    results = await (acceptor.accept(messages) if acceptor else _looked_up(database, messages))
    for (row, _), result in zip(good, results, strict=True):
        if isinstance(result, JourneymanError):
            _reject(row, result, done, rejects)
        elif result:
            done.new += 1
        else:
            done.known += 1


def _reject(row: Row, error: JourneymanError, done: Imported, rejects: Rejects | None) -> None:
    done.rejected += 1
    if rejects is not None:
        rejects.add(row, str(error))


async def _looked_up(database: Database, messages: list[Incoming]) -> list[bool | JourneymanError]:
    """What accept would answer, without storing anything."""
    async with database.read() as connection:
        known: dict[str, Any] = dict(await digests_of(connection, [message.event_id for message in messages]))
    results: list[bool | JourneymanError] = []
    for message in messages:
        results.append(message.event_id not in known)
        known[message.event_id] = message.digest
    return results


def _pages(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while page := list(itertools.islice(rows, TOGETHER)):
        yield page
