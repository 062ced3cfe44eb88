"""What an operator is shown while a model is learned from everybody's events, and what it is worth."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from connect import opened
from errors import SettingsError
from profiles.doings import Doings
from profiles.forecast import HABITS, TASTES, Logistic
from profiles.model import Model
from settings import Settings
from storage.database import Database
from storage.models import publish
from storage.products import all_ids
from storage.touches import doings_after

PAGE = 5_000
"""Events that are read together: a short look, so that SQLite can tidy up after those who write."""
POLITE = 10
"""How much this process stands back from the others of the machine."""


async def train(settings: Settings, console: Console) -> tuple[int, Model]:
    """Learn, publish, and return the version and the model; SettingsError where there is nothing to learn from yet."""
    if find_spec("numpy") is None:
        raise SettingsError("Training needs numpy: pip install '.[recommend]', in this folder.")
    from profiles.learning import SPAN, learned

    with suppress(OSError):
        os.nice(POLITE)
    now = datetime.now(UTC)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with opened(settings) as database:
        console.print("Reading what everybody has done.", highlight=False)
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            doings = await _read(database, now - SPAN, _bar(progress))
            async with database.read() as connection:
                sold = await all_ids(connection)
            # Nothing else goes on in this process.
            model = learned(doings, now, sold or None, _bar(progress))
        if not model.recommender.ids:
            raise SettingsError(
                "There is nothing to learn from: no event of the last year tells a product_id"
                + (" of the catalogue." if sold else ".")
            )
        body = model.packed()
        console.print(f"Learned from {len(doings.at):,} events; publishing.", highlight=False)
        async with database.write() as connection:
            return await publish(connection, body, now), model


def report(version: int, model: Model) -> list[Table | str]:
    """What was learned, each weight with its meaning, and what it is worth."""
    told = model.figures
    lines: list[Table | str] = [
        f"Version {version}: {told['products']:,} products, from {told['events']:,} events of {told['people']:,} people."
    ]
    if (tried := told["recommending"]) is not None:
        lines += [
            f"Of {tried['people']:,} people who came to a new product in the last 14 days, what was learned before them names it",
            f"among ten for {tried['ours']:.1%}; the ten most popular products name it for {tried['popular']:.1%}.",
        ]
    else:
        lines += ["Too few people came to a new product in the last 14 days to say how good it is."]
    lines += _forecast("An order within 14 days", model.buying, told["buying"], HABITS)
    tastes = model.next_category.model if model.next_category else None
    return lines + _forecast("The category of the next order", tastes, told["next_category"], TASTES)


def _forecast(
    name: str, model: Logistic | None, worth: dict[str, Any] | None, measures: tuple[tuple[str, str], ...]
) -> list[Table | str]:
    if model is None:
        return ["", f"{name}: nothing is foretold, too few have ordered, or have not."]
    table = Table("measure", "weight", "measured as", title=f"{name}: log odds = {model.intercept:+.3f} + …")
    for (measure, how), weight in zip(measures, model.weights, strict=True):
        table.add_row(measure, f"{weight:+.3f}", how)
    lines: list[Table | str] = ["", table]
    if worth is not None:
        lines += [
            f"Of {worth['rows']:,} cases it was not learned from, {worth['happened']:,} came true. AUC {worth['auc']:.3f}, "
            f"by recency alone {worth['baseline']:.3f}.",
            "Told and happened, by fifths: "
            + ", ".join(f"{said:.1%} and {was:.1%}" for said, was, _ in worth["calibration"]),
        ]
    return lines


def _bar(progress: Progress) -> Callable[[str, int, int], None]:
    tasks: dict[str, Any] = {}

    def told(words: str, done: int, total: int) -> None:
        if words not in tasks:
            tasks[words] = progress.add_task(words, total=total or None)
        progress.update(tasks[words], completed=done, total=total or None)

    return told


async def _read(database: Database, since: datetime, told: Callable[[str, int, int], None]) -> Doings:
    doings, seq = Doings(), 0
    while True:
        async with database.read() as connection:
            page = await doings_after(connection, seq, doings.names, since, PAGE)
        if not page:
            return doings
        for row in page:
            doings.add(row.user_id, row.anonymous_id, row.name, row.occurred_at, row.properties or {})
        seq = page[-1].seq
        told("events read", len(doings.at), 0)
