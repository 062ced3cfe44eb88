"""When messages rest, and how many a person gets: the rules that hold across all journeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from profiles.dates import Every
from workflows.clock import at_local

from .caps import Cap


@dataclass(frozen=True)
class QuietHours:
    """From `start` to `end` on the person's own wall clock nothing but the urgent is sent; across midnight if start > end."""

    start: time
    end: time

    def over(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When they are over, if `now` lies in them."""
        if not self._cover(now, zone):
            return None
        today = now.astimezone(zone).date()
        for ahead in range(-1, 9):
            day = today + timedelta(days=ahead)
            # Where clocks are set back, the end may come twice, and the second time matters to who asks in between;
            # where they are set forward, it may be jumped over, straight into the next night.
            ends = (
                at_local(day, self.end, zone),
                datetime.combine(day, self.end, zone).replace(fold=1).astimezone(UTC),
            )
            for end in sorted(ends):
                if end >= now and not self._cover(end, zone):
                    return end
        raise ValueError(f"quiet hours {self.start:%H:%M}-{self.end:%H:%M} are never over")

    def _cover(self, moment: datetime, zone: ZoneInfo) -> bool:
        local = moment.astimezone(zone).time().replace(tzinfo=None)
        return self.start <= local < self.end if self.start <= self.end else local >= self.start or local < self.end


@dataclass(frozen=True)
class Policy:
    """The project's rules; None where there is none."""

    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = ()
    active: timedelta = timedelta(minutes=5)
    """How long after the last event a person counts as still being there."""
    default_zone: str = "UTC"
    dates: Mapping[str, Every] = field(default_factory=dict)
    """Traits whose dates journeys may see, and how much of each."""
    traits: frozenset[str] = frozenset()
    """Traits that journeys may see."""
    opt_in: frozenset[str] = frozenset()
    """Topics that nobody gets who has not asked for them."""
