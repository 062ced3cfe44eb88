"""The programme's scenario about a great many timers at once, at its smallest size."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import herd
from chaos.play import Play
from chaos.strict import StrictDouble, too_soon
from tests.doubles.sendgrid import ACCEPT, Call, rate_limited


@pytest.mark.server
async def test_herd(tmp_path: Path) -> None:
    """T15, C5: 200 messages and then 100 timers of shipped journeys, due in one second and a minute without workers: all are
    decided, none before its time, none within less than the provider's rate allows, and what has expired stays.

    Killed by: letting Timing._expired say nothing, taking `start_time` for `workflow_start_time` in workflows/traveller.py,
    halving the delay in Departures.start, leaving the rate out of worker_of, or answering a second in `wait_asked`.
    """
    result = await herd.run(Play("sqlite", 15, 0.0001, 120, tmp_path))
    assert result.problems == [problem for part in result.parts for problem in part.tally.problems] == []
    direct, timers = result.parts
    assert (direct.reached, direct.tally.accepted, direct.tally.withheld) == (200, 180, 20)
    assert direct.faults["over_the_rate"] > 0
    assert (timers.reached, timers.tally.accepted, timers.tally.withheld) == (100, 80, 20)
    assert timers.faults["due_in_one_second"] >= 50


def test_too_soon() -> None:
    """Who comes again before the moment that the provider has named is found, once for each time; who waits is not."""
    told = rate_limited(reset_in=1.5)
    calls = [
        Call(0.0, at, key, behaviour, "")
        for at, key, behaviour in [
            (100.5, "waits", told),
            (100.5, "hurries", told),
            (101.6, "hurries", told),
            (102.0, "waits", ACCEPT),
            (102.1, "hurries", told),
            (104.0, "hurries", ACCEPT),
            (104.1, "hurries", ACCEPT),
        ]
    ]
    assert too_soon(calls) == ["hurries", "hurries"]


def test_strict() -> None:
    """A provider with a rate takes that much in each window and no more, and tells the others when the next one begins."""
    double = StrictDouble(rate=3)
    behaviours = [double.next_behaviour() for _ in range(30)]
    taken = [behaviour for behaviour in behaviours if behaviour.accepts]
    # Thirty answers take no time, but a window may end among them.
    assert len(taken) in (6, 12)
    assert all(0 < (behaviour.reset_in or 0) <= 2 for behaviour in behaviours if not behaviour.accepts)
