"""How many marketing messages a person gets, and from when on the next one may go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal, cast
from zoneinfo import ZoneInfo

from errors import SettingsError
from workflows.clock import at_local

Period = Literal["hour", "day", "week", "month"]
LENGTH: dict[str, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
"""How long a rolling period is; a calendar's own days, weeks and months are as long as they are."""
FORM = re.compile(
    r"(?:(?P<topic>[a-z][a-z0-9_]{0,39})\s*:\s*)?(?P<most>[1-9]\d{0,3}) a "
    r"(?:calendar (?P<calendar>day|week|month)|(?P<rolling>hour|day|week|month) rolling)(?P<all> counting all)?"
)


@dataclass(frozen=True)
class Cap:
    """At most `most` marketing messages to one person in a period, of one topic or of all.

    A rolling period ends now; a calendar one begins at midnight on the person's own clock, a week on Monday. Service and
    transactional messages are never capped; `counts_all` lets them take places too.
    """

    most: int
    period: Period
    calendar: bool = False
    topic: str | None = None
    counts_all: bool = False

    def __str__(self) -> str:
        topic = f"{self.topic}: " if self.topic else ""
        window = f"calendar {self.period}" if self.calendar else f"{self.period} rolling"
        return f"{topic}{self.most} a {window}{' counting all' if self.counts_all else ''}"

    def counts(self, kind: str | None, topic: str | None) -> bool:
        """Whether such a message takes a place."""
        return (kind == "marketing" or self.counts_all) and self.topic in (None, topic)

    def since(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The beginning of the period that `now` lies in."""
        return self._calendar(now, zone)[0] if self.calendar else now - LENGTH[self.period]

    def covers(self, moment: datetime, now: datetime, zone: ZoneInfo) -> bool:
        """Whether a message that went then still takes a place."""
        since = self.since(now, zone)
        return moment >= since if self.calendar else moment > since

    def frees(self, gone: Sequence[datetime], now: datetime, zone: ZoneInfo) -> datetime:
        """When a place is free again, given when the messages in this period went."""
        if self.calendar:
            return self._calendar(now, zone)[1]
        return sorted(gone)[len(gone) - self.most] + LENGTH[self.period]

    def _calendar(self, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Where the person's own day, week or month begins and ends."""
        first = now.astimezone(zone).date()
        match self.period:
            case "week":
                first -= timedelta(days=first.weekday())
                following = first + timedelta(days=7)
            case "month":
                first = first.replace(day=1)
                following = (first + timedelta(days=31)).replace(day=1)
            case _:
                following = first + timedelta(days=1)
        return at_local(first, time(0), zone), at_local(following, time(0), zone)


def read_caps(text: str) -> tuple[Cap, ...]:
    """Caps as the setting names them, separated by semicolons; SettingsError shows how one is written."""
    caps = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        match = FORM.fullmatch(part)
        if match is None:
            raise SettingsError(
                f"JOURNEYMAN_CAPS: {part!r} is no cap; write them like "
                '"3 a week rolling; 1 a calendar day; newsletter: 2 a month rolling".'
            )
        period = cast(Period, match["calendar"] or match["rolling"])
        caps.append(Cap(int(match["most"]), period, bool(match["calendar"]), match["topic"], bool(match["all"])))
    return tuple(caps)
