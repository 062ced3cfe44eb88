"""How the statements of the busiest transaction are run: compiled once, and handed to the driver as they are.

SQLAlchemy spends some 60 µs on each run of a statement and 10 µs on each row, more than either database does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ARRAY, JSON, ColumnElement, String, bindparam, func, select
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from .tables import Moment

Convert = Callable[[Any], Any] | None
"""How a value becomes what the driver takes, or what it gave becomes ours; None where it is that already."""


def among(column: ColumnElement[Any], wanted: str, dialect: Dialect) -> ColumnElement[bool]:
    """Whether the column is one of a list that is one parameter: an IN with as many as there are is never the same text."""
    if dialect.name == "sqlite":
        each = func.json_each(bindparam(wanted, type_=JSON)).table_valued("value")
        return column.in_(select(each.c.value))
    return column == func.any(bindparam(wanted, type_=ARRAY(String)))


class Prepared:
    """One statement, with the types of its columns; not for one whose text depends on its values."""

    def __init__(self, build: Callable[[Dialect], Any], columns: Sequence[str] | None = None) -> None:
        """`build` makes it for a dialect; `columns` are those that an INSERT names."""
        self._build = build
        self._columns = columns
        self._forms: dict[str, _Form] = {}

    async def run(self, connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each of these rows, of which there is at least one."""
        form = self._form(connection.dialect)
        columns = [
            [row[name] for row in rows] if write is None else [write(row[name]) for row in rows]
            for name, write in form.parameters
        ]
        await connection.exec_driver_sql(form.text, [*zip(*columns, strict=True)])

    async def rows(self, connection: AsyncConnection, **values: Any) -> list[tuple[Any, ...]]:
        """What it finds, as its columns stand."""
        form = self._form(connection.dialect)
        parameters = tuple(values[name] if write is None else write(values[name]) for name, write in form.parameters)
        rows = (await connection.exec_driver_sql(form.text, parameters)).all()
        if not rows:
            return []
        columns = [
            column if read is None else [read(value) for value in column]
            for column, read in zip(zip(*rows, strict=True), form.readers, strict=True)
        ]
        return [*zip(*columns, strict=True)]

    def _form(self, dialect: Dialect) -> _Form:
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _Form(self._build(dialect), dialect, self._columns)
        return form


class _Form:
    """The statement as one dialect has it."""

    def __init__(self, statement: Any, dialect: Dialect, columns: Sequence[str] | None) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        self.text = str(compiled)
        self.parameters = [(name, _writer(compiled.binds[name].type, dialect)) for name in compiled.positiontup]
        found = statement.selected_columns if statement.is_select else ()
        self.readers = [_reader(each.type, dialect) for each in found]


def _writer(kind: Any, dialect: Dialect) -> Convert:
    if isinstance(kind, Moment) and dialect.name == "sqlite":
        return _utc_text
    write: Convert = kind.dialect_impl(dialect).bind_processor(dialect)
    return write


def _utc_text(value: datetime | None) -> str | None:
    """What SQLAlchemy writes for SQLite, in a quarter of its time: 2026-03-01 09:30:00.000000."""
    return None if value is None else value.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def _reader(kind: Any, dialect: Dialect) -> Convert:
    if isinstance(kind, Moment) and dialect.name == "sqlite":
        return _moment
    read: Convert = kind.dialect_impl(dialect).result_processor(dialect, None)
    return read


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)
