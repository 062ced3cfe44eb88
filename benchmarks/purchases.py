"""How purchases that really happened come into a database as our events, by the way that every front door stores them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy import make_url, text

from errors import JourneymanError
from events import OrderCompleted
from ingestion.accept import Acceptor
from ingestion.segment import Call, messages
from storage.database import Database

BATCH = 500
"""How many calls are handed over together; each batch is answered when it is committed."""
COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)


@dataclass(frozen=True)
class Line:
    """One product of a purchase, and what was paid for all pieces of it."""

    product_id: str
    category: str | None
    pieces: int
    paid: Decimal


@dataclass(frozen=True)
class Purchase:
    """Who bought what, and when; `order_id` is the same however often it is loaded."""

    order_id: str
    user_id: str
    at: datetime
    lines: tuple[Line, ...]

    @property
    def paid(self) -> Decimal:
        return sum((line.paid for line in self.lines), Decimal(0))

    def call(self) -> dict[str, Any]:
        """The track call that a shop's backend sends of it."""
        products = [
            {"product_id": line.product_id, "category": line.category, "quantity": line.pieces} for line in self.lines
        ]
        return {
            "type": "track",
            "messageId": f"order-{self.order_id}",
            "userId": self.user_id,
            "event": OrderCompleted.event_name,
            "timestamp": self.at.isoformat(),
            "properties": {
                "order_id": self.order_id,
                "value": str(self.paid),
                "currency": "USD",
                "products": [{name: value for name, value in each.items() if value is not None} for each in products],
            },
        }


@dataclass(frozen=True)
class Loaded:
    """What became of them: new, known by their ids from an earlier time, and refused; and how many lines were in the new."""

    new: int
    known: int
    refused: int
    lines: int
    seconds: float

    @property
    def rate(self) -> float:
        """Purchases a second."""
        return (self.new + self.known) / self.seconds if self.seconds else 0.0


async def load(acceptor: Acceptor, purchases: Sequence[Purchase], console: Console | None = None) -> Loaded:
    """Take each purchase that is not known yet, in this order."""
    counts, lines, began = {"new": 0, "known": 0, "refused": 0}, 0, time.monotonic()
    with Progress(*COLUMNS, console=console, disable=console is None or not console.is_terminal) as progress:
        task = progress.add_task("purchases", total=len(purchases))
        for batch in _batches(purchases):
            call = Call("batch", datetime.now(UTC), None, {})
            read = messages({"batch": [purchase.call() for purchase in batch]}, call)
            good = [message for message in read if not isinstance(message, JourneymanError)]
            places = [place for place, message in enumerate(read) if not isinstance(message, JourneymanError)]
            results = await acceptor.accept(good)
            for place, result in zip(places, results, strict=True):
                counts["new"] += result is True
                counts["known"] += result is False
                lines += len(batch[place].lines) if result is True else 0
            counts["refused"] += len(batch) - sum(isinstance(result, bool) for result in results)
            progress.update(task, advance=len(batch))
    return Loaded(**counts, lines=lines, seconds=time.monotonic() - began)


async def size_of(database: Database) -> int:
    """Bytes that the database takes, with what is still in SQLite's log."""
    if not database.is_sqlite:
        async with database.read() as connection:
            return int((await connection.execute(text("SELECT pg_database_size(current_database())"))).scalar() or 0)
    path = Path(make_url(database.url).database or "")
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))


def _batches(purchases: Iterable[Purchase]) -> Iterator[list[Purchase]]:
    rest = iter(purchases)
    while batch := list(islice(rest, BATCH)):
        yield batch
