"""What an operator is shown of events that were set aside, and how they are given back to the relay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from connect import opened
from errors import SettingsError
from settings import Settings
from storage.aside import Aside, count_aside, give_back, those_aside
from workflows.clock import shown, zone_of

COLUMNS = (Column("Seq", no_wrap=True), "User", "Event", Column("Problem", no_wrap=True), "Tries", "Set aside")


@dataclass(frozen=True)
class Asides:
    """Events set aside: `count` in all, of which `lines` are the first."""

    count: int
    lines: list[Aside]

    def table(self, zone_name: str) -> RenderableType:
        """For people; times are in the shop's zone."""
        if not self.lines:
            return Text("No event is set aside.")
        zone = zone_of(zone_name)
        table = Table(*COLUMNS, box=None, header_style="bold", pad_edge=False)
        for line in self.lines:
            cells = (str(line.seq), line.user_id, line.name, line.problem, str(line.attempts), shown(line.at, zone))
            table.add_row(*map(Text, cells))
        more = f", of which these are the first {len(self.lines)}" if self.count > len(self.lines) else ""
        head = f"{self.count} event{'' if self.count == 1 else 's'} set aside{more}. Times are in {zone.key}."
        how = "Mend the journey, start the relay anew, then: python starter.py events replay SEQ, or --all"
        return Group(Text(head), table, Text(how, style="dim"))

    def plain(self) -> dict[str, Any]:
        """For machines."""
        lines = [
            {
                "seq": line.seq,
                "user": line.user_id,
                "event": line.name,
                "problem": line.problem,
                "tries": line.attempts,
                "at": line.at.isoformat(),
            }
            for line in self.lines
        ]
        return {"count": self.count, "events": lines}


async def asides_of(settings: Settings, limit: int) -> Asides:
    """The first events set aside, in order of acceptance."""
    async with opened(settings) as database, database.read() as connection:
        return Asides(await count_aside(connection), await those_aside(connection, limit))


async def replay(settings: Settings, seq: int | None, *, everything: bool) -> str:
    """Give this event, or all, back to the relay; returns a line for people. SettingsError where there is nothing to give."""
    if (seq is None) != everything:
        raise SettingsError("Say which: the SEQ of one event, as `python starter.py events` shows it, or --all.")
    async with opened(settings) as database:
        count = await give_back(database, None if seq is None else [seq])
    if seq is not None and not count:
        raise SettingsError(f"No event {seq} is set aside; `python starter.py events` shows those that are.")
    return f"Given back to the relay: {count} event{'' if count == 1 else 's'}."
