"""`python -m benchmarks.cdnow`: a real shop played day by day: whom a win-back would have met, and who came back unasked.

The purchases are those of CDNOW's customers who first bought in early 1997: the tenth of them that the literature works with, or all
with `--whole`. `pip install --group bench` brings them. Exit code 1 if anything differs from pandas, or from what is published.
"""

from __future__ import annotations

import asyncio
import csv
import importlib.metadata
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import by_pandas
from benchmarks.purchases import Line, Purchase
from benchmarks.replaying import Replay, days_of, last_day, met_in
from connect import opened
from settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
out = Console(width=110)
WITHIN = (7, 30, 90)
"""Days in which somebody comes back, or does not."""
PUBLISHED = {False: (2357, 6919), True: (23570, 69659)}
"""Customers and purchases of the tenth, and of all."""
CALIBRATION = datetime(1997, 9, 30, tzinfo=UTC)
"""The end of the 39 weeks that the published summary counts."""


@app.command()
def bench(
    customers: Annotated[int, typer.Option(min=0, help="So many of the first ones; 0 for all.")] = 0,
    whole: Annotated[bool, typer.Option(help="All customers, not the tenth of them; takes ten times as long.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Days between two counts of everybody.")] = 1,
) -> None:
    """Play the purchases day by day; who comes into `at_risk` is whom `starts_on=entered("at_risk")` would have met."""
    purchases = read(whole=whole, customers=customers)
    with tempfile.TemporaryDirectory() as folder:
        raise typer.Exit(
            0 if asyncio.run(_played(Path(folder), purchases, every, whole=whole, some=bool(customers))) else 1
        )


async def _played(folder: Path, purchases: Sequence[Purchase], every: int, *, whole: bool, some: bool) -> bool:
    people = len({each.user_id for each in purchases})
    out.print(f"{len(purchases):,} purchases of {people:,} customers")
    holds = True
    if not some:
        holds &= _said("customers and purchases as published", (people, len(purchases)), PUBLISHED[whole])
    async with opened(Settings(data_dir=folder, secret="bench")) as database:
        await Replay(database, every).play(purchases, out)
        met, days = await met_in(database), await days_of(database)
    if not whole:
        holds &= _said("customers as in the published summary", *summarised(days))
    frame = pd.DataFrame(
        {"user": [each.user_id for each in purchases], "at": [each.at.replace(tzinfo=None) for each in purchases]}
    )
    expected = by_pandas.absences(frame, last_day(purchases).replace(tzinfo=None))
    if every == 1:
        times = {(row.user, row.since.to_pydatetime()) for row in expected.itertuples()}
        ours = {(user, at.replace(hour=0, minute=0, second=0, tzinfo=None)) for user, at in met}
        holds &= _said("times that somebody came into at_risk, as by pandas", len(ours & times), len(ours | times))
    told = unasked(met, days, last_day(purchases))
    out.print(told.table(people))
    if every == 1:
        back, seen = (
            (expected.back - expected.since).dt.days,
            (last_day(purchases).replace(tzinfo=None) - expected.since).dt.days,
        )
        for within, (known, came) in told.back.items():
            theirs = int((seen >= within).sum()), int(((seen >= within) & (back <= within)).sum())
            holds &= _said(f"came back unasked within {within} days, as by pandas", (known, came), theirs)
    return holds


def read(*, whole: bool = False, customers: int = 0) -> list[Purchase]:
    """The purchases by day, from the file that the package brings: it holds days, numbers of CDs and dollars."""
    name = "CDNOW_master.txt" if whole else "CDNOW_sample.txt"
    rows = [line.split() for line in _file(name).read_text().splitlines()]
    rows = rows[1:] if whole else rows
    found = []
    for number, row in enumerate(rows):
        customer, (day, pieces, dollars) = int(row[0] if whole else row[1]), row[-3:]
        if not customers or customer <= customers:
            at = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            found.append(
                Purchase(f"cdnow-{number}", f"c-{customer}", at, (Line("cds", None, int(pieces), Decimal(dollars)),))
            )
    return sorted(found, key=lambda purchase: purchase.at)


def _file(name: str) -> Path:
    # Not by importing it: the package asks for a part of setuptools that is no more.
    for each in importlib.metadata.files("lifetimes") or ():
        if each.name == name:
            return Path(str(each.locate()))
    raise FileNotFoundError(f"{name} is not in the package lifetimes; `pip install --group bench` brings it.")


@dataclass(frozen=True)
class Unasked:
    """How often somebody stayed away, and how many people that were.

    `back`: of how many of these times it is known for so many days whether they came back by themselves, and how many did.
    """

    times: int
    people: int
    back: dict[int, tuple[int, int]]

    def table(self, customers: int) -> Table:
        found = Table("stayed away for 30 days", "", "share")
        found.add_row("customers who would have been met", f"{self.people:,}", f"{self.people / customers:.1%}")
        found.add_row("times", f"{self.times:,}", "")
        for days, (known, came) in self.back.items():
            share = f"{came / known:.1%} of {known:,}" if known else ""
            found.add_row(f"came back unasked within {days} days", f"{came:,}", share)
        return found


def unasked(met: Sequence[tuple[str, datetime]], days: dict[str, list[datetime]], last: datetime) -> Unasked:
    """What became of those who would have been written to: a win-back that earns no more than this earns nothing."""
    away = list[tuple[int, int | None]]()
    for user, at in met:
        since = at.replace(hour=0, minute=0, second=0)
        back = next((day for day in days[user] if day > since), None)
        away.append(((last - since).days, None if back is None else (back - since).days))
    counts = {}
    for within in WITHIN:
        known = [back for seen, back in away if seen >= within]
        counts[within] = len(known), sum(back is not None and back <= within for back in known)
    return Unasked(len(met), len({user for user, _ in met}), counts)


def summarised(days: dict[str, list[datetime]]) -> tuple[int, int]:
    """How many customers have as many days with a repeated purchase as the published summary of the first 39 weeks says; of how many."""
    with _file("cdnow_customers_summary.csv").open(newline="") as file:
        published = {f"c-{row['ID']}": int(row["frequency"]) for row in csv.DictReader(file)}
    ours = {user: sum(day <= CALIBRATION for day in bought) - 1 for user, bought in days.items()}
    return sum(published[user] == count for user, count in ours.items()), len(ours)


def _said(what: str, ours: object, theirs: object) -> bool:
    mark = "[green]equal[/green]" if ours == theirs else "[red]not equal[/red]"
    out.print(f"{what}: {ours} and {theirs}, {mark}")
    return ours == theirs


if __name__ == "__main__":
    sys.exit(app())
