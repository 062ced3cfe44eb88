"""What a rehearsal of a whole journey has shown, in words and as JSON."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from errors import SettingsError
from workflows.catalogue import Catalogue

from .house import housed
from .paths import Path, explore, source_of
from .persona import Persona, personas

VERBS = ("best_channel", "profile", "recommend", "send", "sleep", "until", "wait_for")


@dataclass(frozen=True)
class Report:
    """Every path of every persona."""

    journey: str
    paths: tuple[Path, ...]
    seconds: float

    @property
    def unreached(self) -> list[int]:
        """Lines of the journey's file with a verb that no path has come to."""
        calls = ast.walk(ast.parse(source_of(Catalogue.load()[self.journey].journey)))
        verbs = {
            node.lineno
            for node in calls
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in VERBS
        }
        return sorted(verbs - {verb.lines[-1] for path in self.paths for verb in path.verbs if verb.lines})

    @property
    def summary(self) -> str:
        """How much was rehearsed, and what was not."""
        people = len({path.persona.name for path in self.paths})
        sent = sum(told.is_sent for path in self.paths for told in path.told)
        words = f"{len(self.paths)} walks of {people} people, {sent} messages, in {self.seconds:.1f} s."
        lines = ", ".join(map(str, self.unreached))
        return words + (f" No path has come to line {lines} of journeys/{self.journey}.py." if lines else "")

    def lines(self, *, texts: bool = False) -> Iterator[str]:
        """Each path once, and what each person gets on it; with `texts`, what the messages say to whom first."""
        yield from (f"  {path.persona}" for path in {path.persona.name: path for path in self.paths}.values())
        by_words: dict[str, list[Path]] = {}
        for path in self.paths:
            by_words.setdefault(path.words, []).append(path)
        shown: set[tuple[str, str, str]] = set()
        for number, (words, paths) in enumerate(by_words.items(), 1):
            yield f"\n{number}. {words}"
            for path in paths:
                yield f"   {path.persona.name}: {path.end}"
                for told in path.told:
                    yield f"      {told}" + (f' "{told.title}"' if told.title else "")
                    which = (told.channel, told.template, path.persona.language)
                    if texts and told.is_sent and which not in shown:
                        shown.add(which)
                        yield from (f"         | {line}" for line in told.text.splitlines() if line.strip())

    def plain(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "journey": self.journey,
            "seconds": round(self.seconds, 2),
            "unreached": self.unreached,
            "paths": [
                {
                    "person": path.persona.name,
                    "does": path.words,
                    "end": path.end,
                    "messages": [vars(told) | {"at": told.at.isoformat()} for told in path.told],
                }
                for path in self.paths
            ],
        }


async def report(journey: str, wanted: Sequence[str] = ()) -> Report:
    """Rehearse a journey for everybody, or for the people of these names; SettingsError for a name that nobody has."""
    begun = time.monotonic()
    async with housed(journey) as house:
        store = house.stores[0] if house.stores else None
        people = personas((store.latitude, store.longitude) if store else None)
        chosen = _chosen(people, wanted)
        paths = [path for persona in chosen for path in [each async for each in explore(house, journey, persona)]]
    return Report(journey, tuple(paths), time.monotonic() - begun)


def _chosen(people: Sequence[Persona], wanted: Sequence[str]) -> list[Persona]:
    if strangers := set(wanted) - {each.name for each in people}:
        known = ", ".join(each.name for each in people)
        raise SettingsError(f"Nobody in a rehearsal is called {min(strangers)}; there are: {known}.")
    return [each for each in people if not wanted or each.name in wanted]
