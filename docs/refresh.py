"""Which parts of these pages the code itself tells; `python -m docs.refresh` writes them anew."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import events
from activities import front_matter
from events import Activity, Context, Event, Fact
from ingestion.tags import GA4_NAMES
from ingestion.tealium import TEALIUM_NAMES

DOCS = Path(__file__).parent
ROOT = DOCS.parent
COMMON = Event.model_fields
SITUATION = re.compile(r"^- \*\*([A-I]\d+|T\d+)\*\* (.+?) → (.+)$", re.MULTILINE)
LATER = "*later*"


def main() -> None:
    """Write every page that is out of date."""
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := refreshed(text)) != text:
            page.write_text(new, encoding="utf-8")


def refreshed(text: str) -> str:
    """The page with its tables and its links to tests as they are now."""
    for name, lines in TABLES.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if begin in text:
            before, rest = text.split(begin)
            text = "\n".join([before + begin, "", *lines(), "", end]) + rest.split(end)[1]
    return SITUATION.sub(lambda line: f"- **{line[1]}** {line[2]} → {_links(line[1])}", text)


def event_lines() -> Iterator[str]:
    """A row for each event that can come or be derived."""
    yield "| Name | Class | Fields of its own | Activity | Means |"
    yield "| --- | --- | --- | --- | --- |"
    for name, kind in sorted(Event.kinds().items()):
        fields = ", ".join(f"`{field}`" for field in kind.model_fields if field not in COMMON) or "none"
        active = "yes" if issubclass(kind, Activity) else ""
        yield f"| {name} | `{kind.__name__}` | {fields} | {active} | {_first_line(kind.__doc__)} |"


def fact_lines() -> Iterator[str]:
    """A row for each value that events are made of."""
    yield "| Value | Fields | Means |"
    yield "| --- | --- | --- |"
    for fact in (Context, events.Device, events.Location, events.StoreDistance, events.Product):
        told = [f"`{name}`{_inside(field.annotation)}" for name, field in fact.model_fields.items()]
        yield f"| `{fact.__name__}` | {', '.join(told)} | {_first_line(fact.__doc__)} |"


def ga4_lines() -> Iterator[str]:
    """A row for each name of GA4 that is translated."""
    yield "| GA4 | Here |"
    yield "| --- | --- |"
    yield from (f"| `{theirs}` | {ours} |" for theirs, ours in GA4_NAMES.items())


def tealium_lines() -> Iterator[str]:
    """A row for each name of Tealium that is translated."""
    yield "| Tealium | Here |"
    yield "| --- | --- |"
    yield from (f"| `{theirs}` | {ours} |" for theirs, ours in TEALIUM_NAMES.items())


def key_lines() -> list[str]:
    """The table of front matter keys, as the module that reads them has it."""
    return [line.replace("| key ", "| Key ") for line in (front_matter.__doc__ or "").splitlines() if line[:1] == "|"]


TABLES = {
    "events": event_lines,
    "facts": fact_lines,
    "ga4": ga4_lines,
    "tealium": tealium_lines,
    "front matter": key_lines,
}


def tests_naming(situation: str) -> list[tuple[Path, str]]:
    """(file, function) of each test whose docstring names this id."""
    return [(path, name) for path, name, ids in _tests() if situation in ids]


def _links(situation: str) -> str:
    found = [f"[{path.name}::{name}](../{path.relative_to(ROOT).as_posix()})" for path, name in tests_naming(situation)]
    found += [f"[make chaos: {path.name}](../chaos/{path.name})" for path in _scenarios(situation)]
    return ", ".join(found) or LATER


def _scenarios(situation: str) -> list[Path]:
    """The files of the chaos programme whose docstring begins with this id."""
    files = sorted((ROOT / "chaos").glob("*.py"))
    beginning = f"{situation}:"
    return [
        path
        for path in files
        if (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").startswith(beginning)
    ]


@cache
def _tests() -> list[tuple[Path, str, set[str]]]:
    """Every test's file, function and the ids that its docstring names."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
                ids = set(re.findall(r"\b[A-IT]\d{1,2}\b", ast.get_docstring(node) or ""))
                found.append((path, node.name, ids))
    return found


def _inside(annotation: Any) -> str:
    """The name of the value that a field holds, in brackets, where it is one of ours."""
    parts = get_args(annotation) if get_origin(annotation) in (tuple, Union) else (annotation,)
    names = [part.__name__ for part in parts if isinstance(part, type) and issubclass(part, Fact)]
    return f" (`{names[0]}`)" if names else ""


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().splitlines()[0]


if __name__ == "__main__":
    main()
