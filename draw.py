"""Which files show the journeys as they are: a chart of each as SVG, as Mermaid and for the report, and a page that shows them all."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from errors import SettingsError
from events import Event
from rehearsal.chart import chart_of
from rehearsal.mermaid import mermaid
from rehearsal.report import report
from reporting.chart import written
from reporting.picture import svg
from workflows.catalogue import Catalogue
from workflows.definition import Journey

PAGE = "README.md"


async def drawings(names: Sequence[str] = (), console: Console | None = None) -> dict[str, str]:
    """The text of each file by its name: three for each journey, all of them without names, and then the page.

    JourneyError for a journey that there is not.
    """
    catalogue = Catalogue.load()
    journeys = [catalogue[name].journey for name in names] or [each.journey for each in catalogue]
    found: dict[str, str] = {}
    for journey in track(journeys, "rehearsing", console=console, disable=console is None, transient=True):
        chart = chart_of(journey, (await report(journey.name)).paths)
        found[f"{journey.name}.svg"] = svg(chart, f"The journey {journey.name}: {_says(journey)}")
        found[f"{journey.name}.mmd"] = mermaid(chart)
        found[f"{journey.name}.json"] = written(chart)
    if not names:
        found[PAGE] = page_of(journeys)
    return found


def write(found: dict[str, str], folder: Path) -> str:
    """Write these files; returns a line for people. SettingsError where the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--out: {folder} cannot be written ({error.strerror}).") from None
    return f"Drawn: {', '.join(sorted(found))} in {folder}."


def _says(journey: Journey[Event]) -> str:
    return (inspect.getdoc(inspect.getmodule(journey.function)) or "").partition("\n")[0]


def page_of(journeys: Sequence[Journey[Event]]) -> str:
    """A page that shows them all."""
    head = "# The journeys, drawn\n\nMade from their code by walking every path; `make docs` draws them anew.\n"
    parts = [
        f"## {each.name}\n\n{_says(each)}\n\n![{each.name}]({each.name}.svg)\n\n"
        f"[Mermaid]({each.name}.mmd) · [Code](../../journeys/{each.name}.py)\n"
        for each in journeys
    ]
    return "\n".join([head, *parts])
