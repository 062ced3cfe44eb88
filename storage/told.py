"""How SQL reads what events tell: a property as text, an amount as a number, a moment so much later; alike in both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Double, String, cast, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ColumnClause, FunctionElement, values
from sqlalchemy.sql.selectable import CTE

from .tables import Moment, events


class Later(FunctionElement[Any]):
    """A moment and how many seconds later; SQLite is right to the millisecond."""

    name = "later"
    type = Moment()
    inherit_cache = True


class Number(FunctionElement[float]):
    """A text as a number; null where it is none."""

    name = "number"
    type = Double()
    inherit_cache = True


def later(moment: ColumnElement[Any], by: timedelta) -> ColumnElement[Any]:
    """The moment that lies so much behind that one."""
    return Later(moment, literal(by.total_seconds(), Double()))


def told(name: str) -> ColumnElement[str]:
    """A property of an event as text; null where it has none. The name is one of our own events' fields."""
    return cast(events.c.properties[name].as_string(), String)


def amount() -> ColumnElement[float]:
    """The value of an order; nothing where none is told."""
    return func.coalesce(Number(told("value")), 0.0)


def currency() -> ColumnElement[str]:
    """The currency of an order, as ISO 4217 writes it; empty where none is told."""
    return func.upper(func.coalesce(told("currency"), ""))


def listed(name: str, columns: list[str], rows: list[tuple[str, ...]]) -> CTE:
    """A small table of texts that a statement brings along."""
    made = values(*(ColumnClause[str](column, String()) for column in columns), name=name)
    return made.data(rows).cte(name)


@compiles(Later, "sqlite")
def _later_sqlite(element: Later, compiler: Any, **options: Any) -> str:
    moment, by = (compiler.process(each, **options) for each in element.clauses)
    return f"(strftime('%Y-%m-%d %H:%M:%f', {moment}, {by} || ' seconds') || '000')"


@compiles(Later, "postgresql")
def _later_postgresql(element: Later, compiler: Any, **options: Any) -> str:
    moment, by = (compiler.process(each, **options) for each in element.clauses)
    return f"({moment} + make_interval(secs => {by}))"


@compiles(Number, "sqlite")
def _number_sqlite(element: Number, compiler: Any, **options: Any) -> str:
    (text,) = (compiler.process(each, **options) for each in element.clauses)
    return f"CASE WHEN trim({text}) NOT GLOB '*[^-+0-9.eE]*' THEN CAST({text} AS REAL) END"


@compiles(Number, "postgresql")
def _number_postgresql(element: Number, compiler: Any, **options: Any) -> str:
    (text,) = (compiler.process(each, **options) for each in element.clauses)
    form = r"'^\s*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?\s*$'"
    return f"CASE WHEN {text} ~ {form} THEN CAST({text} AS DOUBLE PRECISION) END"
