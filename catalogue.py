"""What an operator brings of products in a file, and what became of each line."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from connect import opened
from ingestion.product_rows import Line, read_lines
from settings import Settings
from storage.products import all_ids, count_offers, put_offers, take_out

TOGETHER = 500
SHOWN = 20
"""Lines that cannot be taken are told one by one up to so many."""


async def bring(settings: Settings, path: Path, *, whole: bool, dry_run: bool, console: Console) -> tuple[str, int]:
    """Take over every line; returns the account for people, and how many lines were refused.

    With `whole` what the file does not name is taken out of the catalogue. SettingsError for a file that is none.
    """
    lines = read_lines(path)
    first = next(lines, None)  # nothing is opened for one that cannot be read
    done, named = Counter[str](), set[str]()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with opened(settings) as database:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("products", total=None)
            for page in _pages(itertools.chain([first] if first else [], lines)):
                named |= {line.product_id for line in page if line.product_id}
                offers = [line.offer for line in page if line.offer is not None]
                for line in page:
                    if line.offer is None:
                        _tell(line, done, console)
                if not dry_run:
                    async with database.write() as connection:
                        done.update(await put_offers(database, connection, offers))
                done["lines"] += len(page)
                progress.update(task, completed=done["lines"])
        async with database.read() as connection:
            gone = await all_ids(connection) - named if whole else frozenset()
            total = await count_offers(connection)
        if gone and not dry_run:
            async with database.write() as connection:
                await take_out(connection, gone)
            total -= len(gone)
        done["gone"] = len(gone)
    return account(done, total, dry_run=dry_run), done["refused"]


def account(done: Counter[str], total: int, *, dry_run: bool) -> str:
    """What became of the lines."""
    if dry_run:
        good = done["lines"] - done["refused"]
        return f"Nothing was changed. {good:,} lines can be taken, {done['refused']:,} not; {done['gone']:,} products would go."
    counts = [("new", "new"), ("changed", "changed"), ("same", "the same as before"), ("gone", "taken out")]
    lines = [f"{done[name]:>10,}  {words}" for name, words in counts if done[name] or name != "gone"]
    lines += [f"{done['refused']:>10,}  refused"] if done["refused"] else []
    return "\n".join([*lines, f"{total:>10,}  products in the catalogue"])


def _pages(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while page := list(itertools.islice(lines, TOGETHER)):
        yield page


def _tell(line: Line, done: Counter[str], console: Console) -> None:
    done["refused"] += 1
    if done["refused"] <= SHOWN:
        console.print(f"line {line.number}: {line.problem}.", highlight=False, markup=False, soft_wrap=True)
    elif done["refused"] == SHOWN + 1:
        console.print(f"and more: only the first {SHOWN} are shown.", highlight=False)
