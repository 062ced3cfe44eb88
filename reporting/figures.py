"""How figures are written: for people in a table, and for programs in a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .statistics import Interval

Kind = Literal["text", "count", "share", "points", "relative", "money", "gain", "milliseconds", "number"]
"""share: of all, 0 to 1. points: a difference of two shares. relative: a part of itself, 0.1 being a tenth more. gain: of money."""
Cell = str | int | float | Decimal | None
NONE = "–"
LEADING = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True)
class Column:
    """One column of a table; those that are not `shown` are in the file alone."""

    name: str
    title: str
    kind: Kind = "text"
    shown: bool = True


@dataclass(frozen=True)
class Table:
    """Figures of one sort, and how they are counted."""

    name: str
    title: str
    counted: str
    columns: tuple[Column, ...]
    rows: list[tuple[Cell, ...]]
    empty: str
    """What is said where there are no rows."""

    def written(self) -> list[list[str]]:
        """Every column with its name, for a file."""
        head = [column.name for column in self.columns]
        return [head, *([plain(cell) for cell in row] for row in self.rows)]

    def shown(self) -> tuple[list[Column], list[list[str]]]:
        """The columns for people, and what stands in them."""
        places = [place for place, column in enumerate(self.columns) if column.shown]
        rows = [[said(row[place], self.columns[place].kind) for place in places] for row in self.rows]
        return [self.columns[place] for place in places], rows


def difference(kind: Kind, title: str) -> tuple[Column, Column, Column]:
    """Columns for an interval."""
    return (
        Column("difference", title, kind),
        Column("difference_low", "from", kind),
        Column("difference_high", "to", kind),
    )


def cells_of(interval: Interval | None) -> tuple[Cell, Cell, Cell]:
    """What stands in them."""
    return (None, None, None) if interval is None else (interval.value, interval.low, interval.high)


def money(amount: float) -> Decimal | None:
    """In hundredths; sums of the database are exact to far less than that."""
    return Decimal(amount).quantize(Decimal("0.01")) if math.isfinite(amount) else None


def days(count: int) -> str:
    """In words."""
    return "1 day" if count == 1 else f"{count} days"


def said(value: Cell, kind: Kind) -> str:
    """For people; a dash where there is nothing to say."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    if isinstance(value, str):
        return value
    match kind:
        case "share":
            return f"{value * 100:.{_digits(value)}f} %"
        case "points":
            return f"{_signed(float(value) * 100, 2)} pp"
        case "relative":
            return f"{_signed(float(value) * 100, 1)} %"
        case "gain":
            return _signed(float(value), 2)
        case "money":
            return f"{value:,.2f}"
        case "milliseconds":
            return f"{value:,} ms" if value < 10_000 else f"{value / 1000:,.1f} s"
        case "number":
            return f"{value:.2f}"
        case _:
            return f"{value:,}"


def plain(value: Cell) -> str:
    """For programs; empty where there is nothing to say."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}" if math.isfinite(value) else ""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(LEADING) else text


def _digits(share: Cell) -> int:
    """Rates are mostly small, and one that is none should not look like it."""
    return 2 if isinstance(share, float) and 0 < abs(share) < 0.01 else 1


def _signed(value: float, digits: int) -> str:
    return f"{value:+,.{digits}f}".replace("-", "−")
