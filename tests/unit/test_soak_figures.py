"""How the soak judges what it has measured: growth in the long run, and what sleeping people cost."""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.sleeping import Idle, dearer, of_a_million
from chaos.usage import Sample, Watch, not_flat, slope

HALF_AN_HOUR = 1800


def level(seconds: int = HALF_AN_HOUR) -> list[Sample]:
    """A process that fills its caches for fourteen minutes, and then goes up and down by some MiB."""
    chances = random.Random(21)
    return [
        Sample(at, 200 + min(at, 840) / 8.4 + chances.uniform(-5, 5), 30 + chances.choice((0, 0, 3)), 12)
        for at in range(0, seconds + 1, 2)
    ]


def test_a_level_process_is_flat() -> None:
    """T21: what fills its caches at first, and what goes up and down by chance, is flat.

    Killed by: judging all samples in `not_flat`, and not the second half.
    """
    assert not_flat("worker", level()) == []


@pytest.mark.parametrize(
    ("what", "an_hour"), [("mib", 80.0), ("files", 60.0), ("threads", 60.0)], ids=["memory", "files", "threads"]
)
def test_a_leak_is_found(what: str, an_hour: float) -> None:
    """T21: memory, files or threads that leak slowly are found, each by its name.

    Killed by: leaving one of the three out of `may` in `not_flat`.
    """
    leaking = [replace(each, **{what: getattr(each, what) + an_hour * each.at / 3600}) for each in level()]
    (problem,) = not_flat("worker", leaking)
    assert {"mib": "memory", "files": "files", "threads": "threads"}[what] in problem


def test_a_single_burst_is_no_growth() -> None:
    """T21: a tenth of all samples far too high, at the very end, makes no slope: it is not taken between two points.

    Killed by: taking the slope between the first and the last sample.
    """
    samples = level()
    late = samples[-45:]
    assert not_flat("worker", samples[:-45] + [replace(each, mib=each.mib + 300) for each in late]) == []
    assert slope([*((at, at) for at in range(8)), (8, 90)]) == 1


def test_too_short_to_tell() -> None:
    """T21: where the second half is shorter than five minutes nothing is said about growth, though there is some.

    Killed by: dropping JUDGED.
    """
    assert not_flat("worker", [Sample(at, 200 + at, 30, 12) for at in range(500)]) == []
    assert not_flat("worker", []) == []


def test_what_a_process_holds(tmp_path: Path) -> None:
    """T21: a look at a process counts its files, and sees those that were opened since.

    Killed by: counting something else than file descriptors in Watch.look.
    """
    watch = Watch({"here": os.getpid()})
    watch.look()
    with ExitStack() as stack:
        for number in range(7):
            stack.enter_context((tmp_path / str(number)).open("w"))
        watch.look()
    first, last = watch.samples["here"]
    assert last.files - first.files == 7
    assert first.mib > 1
    assert first.threads >= 1


def test_who_sleeps_costs_nothing() -> None:
    """I2: ten times as many asleep may use two hundredths of a core more, and what chance explains; a share for each of
    them is found, and what a million would use is drawn on from both.

    Killed by: dropping APART, or the noise of either.
    """
    few = Idle(10_000, {"relay": 0.03, "Temporal": 0.02}, {}, noise=0.002)
    many = Idle(100_000, {"relay": 0.03, "Temporal": 0.035}, {}, noise=0.002)
    assert not dearer(few, many)
    assert dearer(few, replace(many, cpu={"relay": 0.03, "Temporal": 0.05}))
    assert not dearer(few, replace(many, cpu={"relay": 0.03, "Temporal": 0.05}, noise=0.01))
    assert "not tried: 16 % of a core" in of_a_million(few, replace(many, cpu={"relay": 0.03, "Temporal": 0.03}))
    assert "beyond chance" in of_a_million(few, replace(many, cpu={"relay": 0.03, "Temporal": 0.021}))
