"""What an operator is shown of a segment: how many are in it, and some of them; and the scores counted anew at once."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from connect import opened
from errors import SettingsError
from ingestion.census import JUDGED, Census
from ingestion.census import Progress as Counted
from profiles.segments import SEGMENTS
from settings import Settings
from storage.database import Database
from storage.enrolments import count_known
from storage.people import people_after
from storage.population import population_of
from storage.profiles import profiles_of
from workflows.catalogue import Catalogue

CHANCE = SystemRandom()


@dataclass
class Found:
    """One segment: how many of all people are in it, and the ids of some."""

    segment: str
    members: int = 0
    sample: list[str] = field(default_factory=list)

    def add(self, user_id: str, most: int) -> None:
        """Count one more; each has the same chance to be in the sample."""
        self.members += 1
        if len(self.sample) < most:
            self.sample.append(user_id)
        elif (place := CHANCE.randrange(self.members)) < most:
            self.sample[place] = user_id


@dataclass(frozen=True)
class Segments:
    """What was found, of so many people."""

    people: int
    found: list[Found]

    def plain(self) -> dict[str, Any]:
        """As one JSON object."""
        return {"people": self.people, "segments": [vars(each) for each in self.found]}

    def table(self) -> Table:
        """A row for each segment; below it the ids of the sample, if one was asked for."""
        table = Table("segment", "people", "of all", "who", box=None)
        for each in self.found:
            share = f"{each.members / self.people:.1%}" if self.people else ""
            table.add_row(each.segment, f"{each.members:,}", share, SEGMENTS[each.segment].summary)
        for each in self.found:
            for user_id in sorted(each.sample):
                table.add_row("", user_id)
        return table


async def segments_now(settings: Settings, name: str, sample: int, console: Console) -> Segments:
    """One segment, or all of them without a name, judged for everybody at this moment; nothing is changed."""
    if name and name not in SEGMENTS:
        raise SettingsError(f"There is no segment named {name}; there are: {', '.join(sorted(SEGMENTS))}.")
    found = [Found(each) for each in ([name] if name else sorted(SEGMENTS))]
    now, cursor, people = datetime.now(UTC), "", 0
    async with opened(settings) as database:
        with _bar(console) as bar:
            task = bar.add_task("judged", total=await _everybody(database, now))
            while True:
                async with database.read() as connection:
                    page = await people_after(connection, cursor, now, JUDGED)
                    profiles = await profiles_of(connection, page, now, await population_of(connection)) if page else []
                if not page:
                    return Segments(people, found)
                for each in found:
                    for profile in profiles:
                        if each.segment in profile.segments:
                            each.add(profile.user_id, sample)
                cursor, people = page[-1].user_id, people + len(page)
                bar.update(task, completed=people)


async def count_anew(settings: Settings, console: Console) -> str:
    """Count the population at once, whenever it was counted last; returns the account for people."""
    catalogue, now, progress = Catalogue.load(), datetime.now(UTC), Counted()
    async with opened(settings) as database:
        census = Census(database, catalogue)
        if not await census.begin(timedelta(0)):
            raise SettingsError("Another process is counting at this moment; its scores hold when it is done.")
        with _bar(console) as bar:
            task = bar.add_task("counted", total=await _everybody(database, now))
            async with aclosing(census.take()) as steps:
                async for progress in steps:
                    bar.update(task, completed=progress.judged or progress.people)
    population = progress.population
    assert population is not None
    lines = [f"{progress.people:>10,}  people", f"{population.buyers:>10,}  of them have bought"]
    lines += [f"{progress.entered:>10,}  have come into a segment that a journey starts on"] if progress.judged else []
    lines += ["", "Score 2, 3, 4 and 5 from"]
    lines += [f"  recency    {', '.join(f'{cut:%Y-%m-%d}' for cut in population.recency)}"]
    lines += [f"  frequency  {', '.join(f'{cut} orders' for cut in population.frequency)}"]
    for currency, cuts in sorted(population.monetary.items()):
        lines += [f"  monetary   {', '.join(str(cut) for cut in cuts)} {currency}".rstrip()]
    return "\n".join(lines)


async def _everybody(database: Database, now: datetime) -> int:
    async with database.read() as connection:
        return await count_known(connection, now)


def _bar(console: Console) -> Bar:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Bar(*columns, console=console, disable=not console.is_terminal)
