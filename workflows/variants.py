"""Which arm of an experiment a person is in, and who is held out: chances that follow from the names alone."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HOLDOUT = "holdout"
"""The experiment that holds people out of every journey; `holdout/<journey>` is the one of a single journey."""
HELD, LET_IN = "held", "let in"


@dataclass(frozen=True)
class Experiment:
    """What a journey's code says of an experiment: its arms with their weights, and whom it shares its people with.

    Of the experiments of one `group` a person takes part in at most one.
    """

    name: str
    arms: Mapping[str, int] = field(hash=False)
    group: str | None = None


def arm_of(experiment: str, user: str, arms: Mapping[str, int]) -> str:
    """The same at every call; weights are relative. ValueError for weights that leave no arm to choose."""
    total = sum(arms.values())
    if total <= 0 or min(arms.values()) < 0:
        raise ValueError(f"{experiment}: give at least one arm a weight above zero, and none a weight below.")
    place = _chance(experiment, user) % total
    ends = itertools.accumulate(arms.values())
    return next(arm for arm, end in zip(arms, ends, strict=True) if place < end)


def holdout_of(journey: str, percent: float) -> Experiment:
    """Being held out as an experiment of two arms, in hundredths of a percent; an empty name is that of all journeys."""
    held = round(percent * 100)
    return Experiment(f"{HOLDOUT}/{journey}" if journey else HOLDOUT, {HELD: held, LET_IN: 10_000 - held})


def member_of(group: str, user: str, experiments: Sequence[str]) -> str:
    """Which of a group's experiments the person takes part in, as long as nobody has noted another."""
    return sorted(experiments)[_chance(f"group {group}", user) % len(experiments)]


def _chance(what: str, user: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{what}/{user}".encode()).digest()[:8])
