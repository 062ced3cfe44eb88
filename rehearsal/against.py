"""What a changed journey would have done in days that are over, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import Progress

from connect import opened
from errors import SettingsError
from settings import Settings
from workflows.clock import at_local

from .house import housed
from .replay import Difference, Message, replay

SHOWN = 10
"""Messages of each sort that are told one by one; `--json` has all."""


@dataclass(frozen=True)
class Days:
    """The first and the last day, in one zone."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        return at_local(self.first, time(0), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first moment after them."""
        return at_local(self.last + timedelta(days=1), time(0), self.zone).astimezone(UTC)

    def __str__(self) -> str:
        words = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return f"{words}, {self.zone.key}"


def days_of(words: str, zone: ZoneInfo, now: datetime) -> Days:
    """`yesterday`, a day, or two with `..` between them; SettingsError for anything else, and for days to come."""
    today = now.astimezone(zone).date()
    first, _, last = words.partition("..")
    found = [_day(each, today) for each in ((first, last) if last else (first,))]
    days = Days(found[0], found[-1], zone)
    if days.first > days.last or days.last > today:
        raise SettingsError(f"--against: {words} are no days that have been; give the earlier one first.")
    return days


def _day(words: str, today: date) -> date:
    if words == "yesterday":
        return today - timedelta(days=1)
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise SettingsError(
            "--against: expected yesterday, a day such as 2026-03-01, or two such as 2026-03-01..2026-03-07."
        ) from None


@dataclass(frozen=True)
class Compared:
    """A difference, and the days it is of."""

    days: Days
    found: Difference

    def lines(self) -> Iterator[str]:
        """How many, by channel and template, and the first of each sort one by one."""
        found = self.found
        yield f"{found.journey} as it is now, {self.days}: {found.people:,} people."
        if found.left_out:
            yield f"{found.left_out:,} more were concerned; look at more of them with --people."
        counts = {
            "same": Counter(each.what for each in found.same),
            "moved": Counter(was.what for was, _ in found.moved),
            "gone": Counter(each.what for each in found.gone),
            "new": Counter(each.what for each in found.new),
        }
        templates = sorted(set().union(*counts.values()))
        width = max((len(each) for each in templates), default=0)
        yield "\n" + " " * width + "".join(f"{name:>9}" for name in counts)
        for each in templates:
            yield f"{each:<{width}}" + "".join(f"{count[each]:>9,}" for count in counts.values())
        for was, now in found.moved[:SHOWN]:
            yield f"moved  {self._said(was)}, now {self._local(now)}"
        for name, messages in (("gone", found.gone), ("new", found.new)):
            yield from (f"{name:<5}  {self._said(each)}" for each in messages[:SHOWN])
        if not (found.moved or found.gone or found.new):
            yield "\nNobody would have got anything else."

    def plain(self) -> dict[str, Any]:
        """All of it."""
        found = self.found
        return {
            "journey": found.journey,
            "from": self.days.first.isoformat(),
            "to": self.days.last.isoformat(),
            "people": found.people,
            "left_out": found.left_out,
            "same": len(found.same),
            "moved": [_plain(was) | {"now": now.at.isoformat()} for was, now in found.moved],
            "gone": [_plain(each) for each in found.gone],
            "new": [_plain(each) for each in found.new],
        }

    def _said(self, message: Message) -> str:
        return f"{message.user}: {message.what} {self._local(message)}"

    def _local(self, message: Message) -> str:
        return f"{message.at.astimezone(self.days.zone):%a %-d %b %H:%M}"


async def compared(
    settings: Settings, journey: str, words: str, *, most: int, console: Console, now: datetime
) -> Compared:
    """Let these days happen again with the journeys as they are now; the database is only read."""
    days = days_of(words, ZoneInfo(settings.default_zone), now)
    async with opened(settings) as shop, housed() as house:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("rehearsing", total=None)
            found = await replay(
                shop,
                house,
                journey,
                days.start,
                min(days.end, now),  # what today still brings has not been sent either
                most=most,
                show=lambda done, of: bar.update(task, completed=done, total=of),
            )
    return Compared(days, found)


def _plain(message: Message) -> dict[str, str]:
    return {
        "user": message.user,
        "channel": message.channel,
        "template": message.template,
        "at": message.at.isoformat(),
    }
