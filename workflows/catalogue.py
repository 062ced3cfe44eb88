"""Which journeys there are, checked once outside the sandbox before anyone enters one."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import cast, get_args

from errors import JourneyError
from events import DateChanged, Event, ZoneChanged
from messages import Channel

from .definition import Journey, journey_of


@dataclass(frozen=True)
class Listed:
    """A journey, and what its code says it waits for."""

    journey: Journey[Event]
    waits: tuple[type[Event], ...]
    messages: tuple[tuple[Channel, str], ...] = ()
    """(channel, template) of each message whose template stands in the code as it is."""

    @property
    def wait_names(self) -> frozenset[str]:
        """Wire names of the events that are signalled to a run which has begun."""
        return frozenset(name for kind in self.waits for name in kind.kinds())


class Catalogue:
    """All journeys of a package, by name."""

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._listed = {each.journey.name: each for each in listed}
        starts, goals, waits = set[str](), set[str](), set[str]()
        for each in self:
            starts |= each.journey.start_names
            goals |= each.journey.goal_names
            waits |= each.wait_names
        self.relevant = frozenset(starts | goals | waits)
        """Wire names that any journey cares about; no other event ever reaches Temporal."""

    def __iter__(self) -> Iterator[Listed]:
        return iter(self._listed.values())

    def __getitem__(self, name: str) -> Listed:
        try:
            return self._listed[name]
        except KeyError:
            known = ", ".join(sorted(self._listed)) or "none"
            raise JourneyError(f"There is no journey named {name}; there are: {known}.") from None

    def __contains__(self, name: str) -> bool:
        return name in self._listed

    @classmethod
    def load(cls, package: str = "journeys") -> Catalogue:
        """Import every module of the package; JourneyError names the first file that cannot be right."""
        names = sorted(found.name for found in pkgutil.iter_modules(importlib.import_module(package).__path__))
        return cls(
            [listed(importlib.import_module(f"{package}.{name}"), name) for name in names if not name.startswith("_")]
        )


def listed(module: ModuleType, name: str) -> Listed:
    """A module's journey with the kinds it waits for, as its source says them."""
    found = journey_of(module, name)
    if found.name != name:
        raise JourneyError(f"{name}.py holds a journey named {found.name}; file and function must share one name.")
    waits: dict[type[Event], None] = {}
    messages: dict[tuple[Channel, str], None] = {}
    for call in _calls(module):
        if isinstance(call.func, ast.Name) and call.func.id in get_args(Channel):
            messages |= dict.fromkeys(
                (cast(Channel, call.func.id), template.value)
                for template in call.args
                if isinstance(template, ast.Constant) and isinstance(template.value, str)
            )
        verb = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if verb == "wait_for":
            waits |= dict.fromkeys(_kind(module, argument, name) for argument in call.args)
        elif verb == "until":
            waits |= dict.fromkeys((ZoneChanged, DateChanged))
    return Listed(found, tuple(waits), tuple(messages))


def _calls(module: ModuleType) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call))


def _kind(module: ModuleType, argument: ast.expr, name: str) -> type[Event]:
    kind = getattr(module, argument.id, None) if isinstance(argument, ast.Name) else None
    if not (inspect.isclass(kind) and issubclass(kind, Event) and kind.kinds()):
        raise JourneyError(
            f"{name}.py line {argument.lineno}: wait_for({ast.unparse(argument)}) cannot be seen from outside; "
            "name a class of events.py directly."
        )
    return kind
