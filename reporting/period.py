"""Which days a report is about, and for how long it watches what people do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from errors import ReportError
from workflows.clock import at_local

USUAL_DAYS = 30
USUAL_WINDOW = 7
LONGEST_WINDOW = 365
FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True)
class Period:
    """From the start of `first` to the end of `last`, in the shop's zone; `window` days count for each person."""

    first: date
    last: date
    window: int
    zone: ZoneInfo
    now: datetime

    @property
    def start(self) -> datetime:
        return at_local(self.first, time(0), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return at_local(self.last + timedelta(days=1), time(0), self.zone).astimezone(UTC)

    @property
    def watched(self) -> timedelta:
        """The window of one person."""
        return timedelta(days=self.window)


def period_of(first: str, last: str, window: str, zone: ZoneInfo, now: datetime) -> Period:
    """The period that these words mean, each of which may be empty; ReportError says which of them is none.

    Without words the last thirty days, of which today is one.
    """
    today = now.astimezone(zone).date()
    until = _day("to", last) or today
    since = _day("from", first) or max(until - timedelta(days=USUAL_DAYS - 1), FIRST)
    if since > until:
        raise ReportError(f"from: {since} lies behind to: {until}; give the earlier day first.")
    try:
        days = int(window or USUAL_WINDOW)
    except ValueError:
        days = 0
    if not 1 <= days <= LONGEST_WINDOW:
        raise ReportError(f"window: expected a number of days from 1 to {LONGEST_WINDOW}.")
    return Period(since, until, days, zone, now)


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not FIRST <= found <= LAST:
        raise ReportError(f"{name}: expected a day such as 2026-03-01.")
    return found
