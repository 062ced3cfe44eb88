"""A journey's chart in Mermaid's words."""

from __future__ import annotations

from collections.abc import Iterator

from reporting.chart import Chart, Kind

SHAPES: dict[Kind, tuple[str, str]] = {"send": ('["', '"]'), "ask": ('{{"', '"}}')}
ROUND = ('("', '")')
STYLES: dict[Kind, str] = {
    "send": "fill:#e3f1ec,stroke:#1d4a3f,color:#10211b",
    "ask": "fill:#fbf6e6,stroke:#7c6a2f,color:#2b2611",
    "wait": "fill:#fff,stroke:#8a94a6,color:#1f2733",
    "start": "fill:#ece8df,stroke:#565e59,color:#16211e",
    "end": "fill:#ece8df,stroke:#565e59,color:#16211e",
}


def mermaid(chart: Chart) -> str:
    """The flowchart; the same chart gives the same text."""
    return "\n".join(["flowchart TD", *(f"    {line}" for line in _lines(chart))]) + "\n"


def _lines(chart: Chart) -> Iterator[str]:
    for node in chart.nodes:
        left, right = SHAPES.get(node.kind, ROUND)
        yield f"{node.name}{left}{_text(node.words)}{right}:::{_class(node.kind)}"
    if chart.goal:
        yield f'goal("{_text(chart.goal)}"):::finish'
        yield "goal -.-> finish"
    for way in chart.ways:
        yield f"{way.here} " + (f'-- "{_text(way.label)}" --> ' if way.label else "--> ") + way.there
    for kind, style in STYLES.items():
        yield f"classDef {_class(kind)} {style}"


def _text(words: str) -> str:
    """As Mermaid takes it between quotes."""
    escaped = words.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;")
    return escaped.replace("\n", "<br/>")


def _class(kind: Kind) -> str:
    """`end` is a word of Mermaid's own, and so no name of a class."""
    return "finish" if kind == "end" else kind
