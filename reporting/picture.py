"""A journey's chart as an SVG: one column in the order of the file, ways that jump ahead at its right, ways back at its left."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .chart import Chart, Kind, Node, Way

WIDTH, LINE, PADDING, GAP = 300, 18, 14, 44
LETTER = 6.2
"""About how wide a letter is; what is drawn is not measured, so that the same chart gives the same picture anywhere."""
MOST = 38
"""Letters in a line of a box."""
MARGIN = 24
LOOP = 34
COLORS: dict[Kind, tuple[str, str]] = {
    "send": ("#e3f1ec", "#1d4a3f"),
    "ask": ("#fbf6e6", "#7c6a2f"),
    "wait": ("#ffffff", "#8a94a6"),
    "start": ("#ece8df", "#565e59"),
    "end": ("#ece8df", "#565e59"),
}
FONT = 'font-size="13" font-family="-apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"'
"""As attributes: a page whose policy names its styles allows no others."""


@dataclass(frozen=True)
class Box:
    """A place on the sheet: of so many lines, from `top` to `bottom`."""

    node: Node
    lines: tuple[str, ...]
    top: int
    count: str = ""

    @property
    def bottom(self) -> int:
        return self.top + (len(self.lines) + bool(self.count)) * LINE + 2 * PADDING

    @property
    def middle(self) -> int:
        return (self.top + self.bottom) // 2


def svg(chart: Chart, title: str, counts: Mapping[str, str] | None = None) -> str:
    """The picture; `title` is read out in its place. `counts` are written into boxes, by their words or their names."""
    boxes = _boxes(chart, counts or {})
    places = {box.node.name: place for place, box in enumerate(boxes)}
    back = [way for way in chart.ways if places[way.there] <= places[way.here]]
    ahead = [way for way in chart.ways if places[way.there] > places[way.here] + 1]
    down = [way for way in chart.ways if places[way.there] == places[way.here] + 1]
    goal = _wrapped(chart.goal)
    left = MARGIN + max([0, *(_long(way.label) + LOOP + 12 for way in back), *(_long(line) + LOOP for line in goal)])
    lanes, right = _lanes(ahead, places, left + WIDTH)
    drawn = [
        *(_box(box, left) for box in boxes),
        *(_straight(boxes[places[way.here]], boxes[places[way.there]], way.label, left + WIDTH // 2) for way in down),
        *(_around(boxes, places, way, left + WIDTH, lane) for way, lane in zip(ahead, lanes, strict=True)),
        *(_loop(boxes, places, way, left) for way in back),
        *(_goal(goal, boxes[-1], left) if goal else ()),
    ]
    width, height = right + MARGIN, boxes[-1].bottom + MARGIN + max(0, len(goal) - 2) * LINE
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
    arrow = (
        '<defs><marker id="{TIP}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#565e59"/></marker></defs>'
    )
    sheet = f'<rect width="{width}" height="{height}" rx="12" fill="#fdfcf9"/>'
    text = "\n".join([f"{head} {FONT}>", f"<title>{escape(title)}</title>", arrow, sheet, *drawn, "</svg>"]) + "\n"
    # A page may hold several pictures, and those in a closed part of it lend no tips to others.
    return text.replace("{TIP}", "tip-" + re.sub(r"\W+", "-", title))


def _boxes(chart: Chart, counts: Mapping[str, str]) -> list[Box]:
    found: list[Box] = []
    top = MARGIN
    for node in chart.nodes:
        box = Box(node, _wrapped(node.words), top, counts.get(node.words) or counts.get(node.name, ""))
        found.append(box)
        top = box.bottom + GAP
    return found


def _lanes(ways: Sequence[Way], places: dict[str, int], edge: int) -> tuple[list[int], int]:
    """Where each of these ways goes down, so that none lies upon another or its words, and where the sheet ends."""
    spans = [(places[way.here], places[way.there]) for way in ways]
    taken: list[list[tuple[int, int]]] = []
    chosen: list[int] = [0] * len(ways)
    for number in sorted(range(len(ways)), key=lambda each: (spans[each][1] - spans[each][0], spans[each])):
        begin, end = spans[number]
        lane = next(
            (place for place, used in enumerate(taken) if all(end <= other[0] or begin >= other[1] for other in used)),
            len(taken),
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append((begin, end))
        chosen[number] = lane
    wide = [
        max((_long(way.label) for way, mine in zip(ways, chosen, strict=True) if mine == lane), default=0)
        for lane in range(len(taken))
    ]
    starts = [edge + 26 + sum(wide[:lane]) + 26 * lane for lane in range(len(taken))]
    return [starts[lane] for lane in chosen], (starts[-1] + wide[-1] + 12 if starts else edge)


def _box(box: Box, left: int) -> str:
    fill, stroke = COLORS[box.node.kind]
    round_ = 4 if box.node.kind == "send" else (box.bottom - box.top) // 2
    shape = (
        f'<rect x="{left}" y="{box.top}" width="{WIDTH}" height="{box.bottom - box.top}" rx="{round_}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )
    said = [(line, "#16211e", "") for line in box.lines]
    said += [(box.count, stroke, ' font-size="12" font-weight="600"')] if box.count else []
    return shape + "".join(
        f'<text x="{left + WIDTH // 2}" y="{box.top + PADDING + 13 + place * LINE}" text-anchor="middle" '
        f'fill="{color}"{more}>{escape(line)}</text>'
        for place, (line, color, more) in enumerate(said)
    )


def _straight(here: Box, there: Box, label: str, x: int) -> str:
    return _line(f"M{x} {here.bottom}V{there.top - 1}") + _label(label, x + 8, (here.bottom + there.top) // 2 + 4)


def _around(boxes: Sequence[Box], places: dict[str, int], way: Way, edge: int, lane: int) -> str:
    here, there = boxes[places[way.here]], boxes[places[way.there]]
    # Several ways begin and end at one box: each a little below the last.
    begin, end = here.middle + 8, there.middle - 8
    path = f"M{edge} {begin}H{lane - 10}Q{lane} {begin} {lane} {begin + 10}V{end - 10}Q{lane} {end} {lane - 10} {end}H{edge + 1}"
    return _line(path) + _label(way.label, lane + 7, begin + 24)


def _loop(boxes: Sequence[Box], places: dict[str, int], way: Way, edge: int) -> str:
    here, there = boxes[places[way.here]], boxes[places[way.there]]
    begin, end = (here.middle + 9, there.middle - 9)
    x = edge - LOOP
    path = f"M{edge} {begin}H{x + 10}Q{x} {begin} {x} {begin - 9}V{end + 9}Q{x} {end} {x + 10} {end}H{edge - 1}"
    return _line(path) + _label(way.label, x - 6, (begin + end) // 2 + 4, anchor="end")


def _goal(lines: Sequence[str], finish: Box, left: int) -> Iterator[str]:
    """In the margin beside the end, since it may come anywhere."""
    x = MARGIN + max(_long(line) for line in lines)
    yield _line(f"M{x + 6} {finish.middle}H{left - 1}", dashed=True)
    top = finish.middle + 5 - (len(lines) - 1) * LINE // 2
    yield from (_label(line, x, top + place * LINE, anchor="end") for place, line in enumerate(lines))


def _line(path: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="#565e59"{dashes} marker-end="url(#{{TIP}})"/>'


def _label(words: str, x: int, y: int, *, anchor: str = "start") -> str:
    if not words:
        return ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="12" fill="#565e59">{escape(words)}</text>'


def _wrapped(words: str) -> tuple[str, ...]:
    return tuple(line for part in words.split("\n") for line in textwrap.wrap(part, MOST, break_on_hyphens=False))


def _long(words: str) -> int:
    return round(len(words) * LETTER)
