"""How a file of people is read: each row one identify call, under an id that is the row's own."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from errors import EventError, SettingsError

from .incoming import Incoming
from .segment import Call, messages

USER_ID, TIMESTAMP, REJECTED = "userId", "timestamp", "rejected_because"
"""Columns that are no traits: who it is, when the row was true, and what an import said of it before."""
FORMATS = (".csv", ".jsonl")


@dataclass(frozen=True)
class Row:
    """One row as it stands in the file; `problem` where it cannot be read at all."""

    values: dict[str, Any]
    problem: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """Each row in order; SettingsError for a file that is none of people."""
    if path.suffix.lower() not in FORMATS:
        raise SettingsError(f"{path.name}: expected a file whose name ends in {' or '.join(FORMATS)}.")
    try:
        # A byte that is no text stays in its row, which is then refused.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield from _csv_rows(file, path.name) if path.suffix.lower() == ".csv" else _json_rows(file)
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be read ({error.strerror}).") from None


def columns_of(path: Path) -> list[str]:
    """The names in the first line of a CSV file."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return next(csv.reader(file), [])


def message_of(row: Row, now: datetime) -> Incoming:
    """The row as the identify call of somebody who tells of the person; EventError says what is wrong with it."""
    if row.problem:
        raise EventError(row.problem)
    traits = {name: value for name, value in row.values.items() if name not in (USER_ID, TIMESTAMP, REJECTED)}
    user_id, at = row.values.get(USER_ID), row.values.get(TIMESTAMP)
    if user_id in (None, ""):
        raise EventError(f"{USER_ID}: it is empty.")
    content = json.dumps([user_id, at, traits], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()
    body = {"messageId": f"import-{digest[:32]}", USER_ID: user_id, TIMESTAMP: at, "traits": traits}
    (found,) = messages(body, Call("identify", now, None, {}))
    if isinstance(found, EventError):
        raise found
    return replace(found, second_hand=True)


def _csv_rows(file: Any, name: str) -> Iterator[Row]:
    reader = csv.DictReader(file, strict=True)
    try:
        if USER_ID not in (reader.fieldnames or ()):
            raise SettingsError(f"{name}: the first line names the columns, one of them {USER_ID}.")
    except csv.Error:
        raise SettingsError(f"{name}: the first line cannot be read as CSV.") from None
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row({}, "It cannot be read as CSV: look for a quote that is never closed.")
            continue
        if None in values:
            yield Row({key: value for key, value in values.items() if key}, "It has more cells than there are columns.")
        else:
            yield Row({key: value for key, value in values.items() if value not in (None, "")})


def _json_rows(file: Any) -> Iterator[Row]:
    for line in file:
        if line.strip():
            try:
                values = json.loads(line)
            except (ValueError, RecursionError):
                values = None
            yield Row(values) if isinstance(values, dict) else Row({}, "It is not one JSON object in one line.")
