"""What the verbs of a journey have answered so far, so that a run that continues as new need not ask again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

Record = dict[str, Any]


class Journal:
    """One record a verb, in order: `verb`, once it has begun to wait its `deadline`, once it is done `at` and its answer."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records = [dict(record) for record in records]
        self._next = 0
        self.at: datetime | None = None
        """The moment of the answer read last, while answers of an earlier run are being read."""

    def open(self, verb: str) -> Record | None:
        """The record of this verb if an earlier run has done it; else it is opened for the verb to do its work."""
        self.at = None
        if self._next == len(self.records):
            self.records.append({"verb": verb})
            return None
        record = self.records[self._next]
        if record["verb"] != verb:
            raise RuntimeError(
                f"The journey's code changed under a person in it: {record['verb']} was done here, the code now says {verb}."
            )
        if "at" not in record:
            return None
        self.at = datetime.fromisoformat(record["at"])
        self._next += 1
        return record

    def deadline(self, first: datetime) -> datetime:
        """The moment noted when the open verb first began; a later run goes on with the same one."""
        return datetime.fromisoformat(self.records[self._next].setdefault("deadline", first.isoformat()))

    def noted(self) -> Record:
        """The record of the open verb, to read and write what a later run must know of it."""
        return self.records[self._next]

    def close(self, now: datetime, **answer: Any) -> None:
        """The open verb is done, with this answer."""
        self.records[self._next].update(answer, at=now.isoformat())
        self._next += 1
