"""When messages rest, and how many a person gets: the rules that hold across all journeys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from workflows.clock import next_local


@dataclass(frozen=True)
class QuietHours:
    """From `start` to `end` on the person's own wall clock nothing but the urgent is sent; across midnight if start > end."""

    start: time
    end: time

    def over(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When they are over, if `now` lies in them."""
        local = now.astimezone(zone).time().replace(tzinfo=None)
        inside = self.start <= local < self.end if self.start <= self.end else local >= self.start or local < self.end
        return next_local(now, self.end, zone) if inside else None


@dataclass(frozen=True)
class Cap:
    """At most `most` marketing messages to one person within the rolling `window`."""

    most: int
    window: timedelta


@dataclass(frozen=True)
class Policy:
    """The project's rules; None where there is none."""

    quiet_hours: QuietHours | None = None
    cap: Cap | None = None
    active: timedelta = timedelta(minutes=5)
    """How long after the last event a person counts as still being there."""
    default_zone: str = "UTC"
    dates: frozenset[str] = frozenset()
    """Traits whose dates journeys may see."""
