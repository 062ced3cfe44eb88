"""Where a journey's code comes from: its file, compiled once for a process, executed anew for each run."""

from __future__ import annotations

import importlib
import importlib.util
import sys  # noqa: TID251  inside the sandbox, its modules are those of the run
from collections.abc import Mapping
from importlib.machinery import PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, ClassVar


class Compiled(SourceFileLoader):
    """Keeps the code of each file until the file changes; half of what a new run costs would be its compilation."""

    kept: ClassVar[dict[str, tuple[Mapping[str, Any], CodeType | None]]] = {}

    def get_code(self, fullname: str) -> CodeType | None:
        state = self.path_stats(self.path)
        known = self.kept.get(self.path)
        if known is None or known[0] != state:
            known = self.kept[self.path] = (state, super().get_code(fullname))
        return known[1]


_loaders: dict[tuple[str, ...], Compiled] = {}
"""By the module's name and the path it was looked for on."""


def journey_module(name: str) -> ModuleType:
    """The module of that journey, as `import` would give it to the run that asks.

    Raises ModuleNotFoundError for a journey that has no file; what the file itself raises passes through.
    """
    full = f"journeys.{name}"
    if (known := sys.modules.get(full)) is not None:
        return known
    place = (full, *sys.path)
    loader = _loaders.get(place) or _found(full)
    spec = importlib.util.spec_from_file_location(full, loader.path, loader=loader)
    assert spec is not None
    module = sys.modules[full] = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[full]
        _loaders.pop(place, None)
        raise
    _loaders[place] = loader
    return module


def _found(full: str) -> Compiled:
    spec = PathFinder.find_spec(full, importlib.import_module("journeys").__path__)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {full!r}", name=full)
    return Compiled(full, spec.origin)
