"""Which places a journey goes through, and which ways lead from one to another; made by rehearsing it, kept beside its picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["start", "send", "ask", "wait", "end"]
"""ask: a wait that goes on in different ways. wait: everything else that is not a send."""
FOLDER = Path(__file__).parent.parent / "docs" / "journeys"


@dataclass(frozen=True)
class Node:
    """One place; `words` may have several lines."""

    name: str
    kind: Kind
    words: str


@dataclass(frozen=True)
class Way:
    """From one place to another; `label` says when, if there is a choice."""

    here: str
    there: str
    label: str


@dataclass(frozen=True)
class Chart:
    """All places in the order of the file, from the start to the end, and all ways; `goal` ends it anywhere."""

    nodes: tuple[Node, ...]
    ways: tuple[Way, ...]
    goal: str


def written(chart: Chart) -> str:
    """As JSON."""
    return json.dumps(asdict(chart), indent=1) + "\n"


def chart_in(folder: Path, journey: str) -> Chart | None:
    """The chart that was drawn last of this journey; None if none was, or by a release that wrote it otherwise."""
    try:
        found: dict[str, Any] = json.loads((folder / f"{journey}.json").read_text(encoding="utf-8"))
        nodes = tuple(Node(**each) for each in found["nodes"])
        return Chart(nodes, tuple(Way(**each) for each in found["ways"]), found["goal"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
