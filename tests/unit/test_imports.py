"""Which way imports point where import-linter cannot look: the single modules of the top level."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}


def imported_by(path: Path) -> set[str]:
    """Full names of all modules, and of all names in them, that a file imports anywhere."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(("module", "allowed"), [("errors", set()), ("events", set()), ("messages", {"events"})])
def test_the_words_import_nothing_of_ours(module: str, allowed: set[str]) -> None:
    """Errors and events stand on nothing of ours, messages on events alone."""
    tops = {name.partition(".")[0] for name in imported_by(ROOT / f"{module}.py")}
    assert tops & OURS <= allowed


def test_only_the_worker_imports_the_host() -> None:
    """The host loads journeys by name, so only what runs them may import it: the worker, and a rehearsal."""
    sources = [
        path
        for path in (*ROOT.glob("*.py"), *ROOT.glob("[a-z]*/**/*.py"))
        if not {"tests", "benchmarks"} & {*path.parts}
    ]
    importers = {path.relative_to(ROOT).as_posix() for path in sources if "workflows.host" in imported_by(path)}
    assert importers <= {"worker.py", "rehearsal/run.py", "rehearsal/watched.py"}
