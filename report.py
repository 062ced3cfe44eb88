"""What an operator is shown of what journeys achieved, and the files that are made of it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from connect import opened
from errors import SettingsError
from reporting.figures import Table
from reporting.period import Period, period_of
from reporting.report import report_of
from reporting.tables import tables_of
from settings import Settings
from workflows.catalogue import Catalogue


async def tables_now(settings: Settings, first: str, last: str, window: str) -> tuple[Period, list[Table]]:
    """Every table of these days, counted at this moment. ReportError for days that are none."""
    period = period_of(first, last, window, ZoneInfo(settings.default_zone), datetime.now(UTC))
    catalogue = Catalogue.load()
    async with opened(settings) as database:
        return period, tables_of(await report_of(database, catalogue, period, settings.holdout))


def shown(period: Period, tables: list[Table]) -> RenderableType:
    """For people: the columns that a terminal has place for, and how each table is counted."""
    parts: list[RenderableType] = [
        Text(f"{period.first} to {period.last}, {period.zone.key}. Each person is watched for {period.window} days.")
    ]
    for table in tables:
        parts += [Text(), Text(table.title, style="bold")]
        columns, rows = table.shown()
        if rows:
            grid = Grid(box=None, pad_edge=False, header_style="bold")
            for column in columns:
                grid.add_column(column.title, justify="left" if column.kind == "text" else "right")
            for row in rows:
                grid.add_row(*map(Text, row))
            parts.append(grid)
        else:
            parts.append(Text(table.empty))
        parts.append(Text(table.counted, style="dim"))
    return Group(*parts)


def plain(period: Period, tables: list[Table]) -> dict[str, Any]:
    """For machines: every column, with figures as they are written to files."""
    found: dict[str, Any] = {
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "window_days": period.window,
        "zone": period.zone.key,
    }
    for table in tables:
        head, *rows = table.written()
        found[table.name] = {
            "counted": table.counted,
            "rows": [dict(zip(head, row, strict=True)) for row in rows],
        }
    return found


def write_files(tables: list[Table], folder: Path) -> str:
    """One CSV file for each table; returns a line for people. SettingsError where the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(table.written())
    except OSError as error:
        raise SettingsError(f"--csv: {folder} cannot be written ({error.strerror}).") from None
    return f"Written: {len(tables)} files in {folder}."
