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
from .variants import HOLDOUT, Experiment


@dataclass(frozen=True)
class Listed:
    """A journey, and what its code says it waits for."""

    journey: Journey[Event]
    waits: tuple[type[Event], ...]
    messages: tuple[tuple[Channel, str], ...] = ()
    """(channel, template) of each message whose template stands in the code as it is."""
    experiments: tuple[Experiment, ...] = ()
    segments: frozenset[str] = frozenset()
    """Segments that it starts on or asks for by name, as in `"at_risk" in person.segments`."""

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
        self.experiments = _once(each for listed in self for each in listed.experiments)
        """Every experiment, by name."""

    def exclusive(self, experiment: Experiment) -> list[str]:
        """The names of all experiments of its group, itself among them; none without a group."""
        if experiment.group is None:
            return []
        return [name for name, each in self.experiments.items() if each.group == experiment.group]

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
    experiments: list[Experiment] = []
    for call in _calls(module):
        if isinstance(call.func, ast.Name) and call.func.id in get_args(Channel):
            messages |= dict.fromkeys(
                (cast(Channel, call.func.id), template.value)
                for template in call.args
                if isinstance(template, ast.Constant) and isinstance(template.value, str)
            )
        elif isinstance(call.func, ast.Name) and call.func.id == "message":
            # Which of these it will be is only known when the person is there to be asked about.
            messages |= dict.fromkeys(_anywhere(call))
        verb = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if verb == "wait_for":
            waits |= dict.fromkeys(_kind(module, argument, name) for argument in call.args)
        elif verb == "until":
            waits |= dict.fromkeys((ZoneChanged, DateChanged))
        elif verb == "variant":
            experiments.append(_experiment(call, name))
    segments = _segments(module) | ({found.segment} if found.segment else set())
    return Listed(found, tuple(waits), tuple(messages), tuple(_once(experiments).values()), frozenset(segments))


def _anywhere(call: ast.Call) -> Iterator[tuple[Channel, str]]:
    """The messages that a call of `message` can become: by the channel that stands there, or by any that reaches people."""
    told = next((keyword.value for keyword in call.keywords if keyword.arg == "channel"), None)
    named = [told.value] if isinstance(told, ast.Constant) else ["in_app", "push", "email"]
    for template in call.args:
        if isinstance(template, ast.Constant) and isinstance(template.value, str):
            yield from ((cast(Channel, channel), template.value) for channel in named)


def _experiment(call: ast.Call, name: str) -> Experiment:
    """What is drawn has to be known before a run begins, so that it stays what it was when the weights change."""
    try:
        (experiment,) = (ast.literal_eval(argument) for argument in call.args)
        arms = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except ValueError:
        raise JourneyError(
            f"{name}.py line {call.lineno}: {ast.unparse(call)} cannot be seen from outside; write the experiment's name "
            "and its weights as they are."
        ) from None
    group = arms.pop("group", None)
    weights = [*arms.values()]
    if not weights or not all(isinstance(weight, int) and weight >= 0 for weight in weights) or not sum(weights):
        raise JourneyError(f"{name}.py line {call.lineno}: {experiment!r} needs whole weights, one of them above zero.")
    if not isinstance(experiment, str) or not 0 < len(experiment) <= 100 or experiment.split("/")[0] == HOLDOUT:
        raise JourneyError(f"{name}.py line {call.lineno}: {experiment!r} is no name for an experiment.")
    return Experiment(experiment, arms, group)


def _once(experiments: Iterable[Experiment]) -> dict[str, Experiment]:
    """By name; JourneyError for one that is declared twice, and not the same."""
    found: dict[str, Experiment] = {}
    for each in experiments:
        if found.setdefault(each.name, each) != each:
            raise JourneyError(f"The experiment {each.name!r} is declared with different arms; make them the same.")
    return found


def _segments(module: ModuleType) -> set[str]:
    return {
        node.left.value
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Constant)
        and isinstance(node.left.value, str)
        and isinstance(node.comparators[0], ast.Attribute)
        and node.comparators[0].attr == "segments"
    }


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
