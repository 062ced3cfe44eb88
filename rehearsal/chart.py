"""Which places a journey goes through, and which ways lead from one to another, as its rehearsed paths have shown."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from events import Event
from reporting.chart import Chart, Kind, Node, Way
from workflows.clock import spoken
from workflows.definition import Journey

from .paths import Path, source_of
from .watched import Verb, name_of

Site = tuple[tuple[int, ...], str]
"""A place in the file and its words; several words at one place are several nodes."""
START: Site = ((0,), "start")
END: Site = ((1_000_000,), "end")


def chart_of(journey: Journey[Event], paths: Sequence[Path]) -> Chart:
    """The chart; the same paths give the same one."""
    seen = _Seen()
    for path in paths:
        seen.add(path)
    names = (
        {START: "start"}
        | {site: f"step{number}" for number, site in enumerate(sorted(seen.verbs), 1)}
        | {END: "finish"}
    )
    quiet = f",\nthen quiet for {spoken(journey.quiet)}" if journey.quiet else ""
    steps = (Node(names[site], _kind(seen.verbs[site]), site[1]) for site in sorted(seen.verbs))
    goals = " or ".join(name_of(kind) for kind in journey.ends_on)
    return Chart(
        (Node("start", "start", name_of(journey.starts_on) + quiet), *steps, Node("finish", "end", "end")),
        tuple(_ways(seen, names, Conditions(source_of(journey)))),
        f"{goals},\nat any moment" if goals else "",
    )


@dataclass
class _Seen:
    """Places, and which answers lead from one to which other."""

    verbs: dict[Site, Verb] = field(default_factory=dict)
    ways: dict[tuple[Site, Site], dict[str, None]] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Walk along a path; where a goal cut it off, the last way is not drawn."""
        last, answer = START, ""
        for verb in path.verbs:
            site = (verb.lines, verb.words)
            self.verbs.setdefault(site, verb)
            self.ways.setdefault((last, site), {})[answer] = None
            last, answer = site, verb.answer
            if verb.is_open:
                return
        if path.verbs and path.end == "went to its end":
            self.ways.setdefault((last, END), {})[answer] = None


def _kind(verb: Verb) -> Kind:
    match verb.name:
        case "send":
            return "send"
        case "wait_for":
            return "ask"
    return "wait"


def _ways(seen: _Seen, names: dict[Site, str], conditions: Conditions) -> Iterator[Way]:
    order = {site: place for place, site in enumerate(names)}
    for (here, there), answers in sorted(seen.ways.items(), key=lambda way: (order[way[0][0]], order[way[0][1]])):
        others = [way for way in seen.ways if way[0] == here and way[1] != there]
        taken = {answer for way in others for answer in seen.ways[way]}
        if not others:
            label = ""
        elif taken.isdisjoint(answers):
            label = " or ".join(sorted(filter(None, answers)))
        else:
            label = conditions.between(here[0], there[0])
        yield Way(names[here], names[there], label)


class Conditions:
    """The `if`s of a journey's file, for where an answer alone does not tell which way it goes."""

    def __init__(self, source: str) -> None:
        self._ifs = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.If)]

    def between(self, here: tuple[int, ...], there: tuple[int, ...]) -> str:
        """What must hold on the way from one line down to the other."""
        first, second = here[0], there[0]
        found = []
        for node in sorted(self._ifs, key=lambda node: node.lineno):
            if not first < node.lineno <= second:
                continue
            test = ast.unparse(node.test)
            is_within = second <= (node.end_lineno or node.lineno)
            is_otherwise = bool(node.orelse) and second >= node.orelse[0].lineno
            found.append(test if is_within and not is_otherwise else f"not {test}")
        return " and ".join(found)
