"""The programme's scenarios about the way from the door to Temporal, at their smallest size."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import disorder, race, relay_gap
from chaos.play import Play
from chaos.race import Pass, passes
from chaos.result import Result

pytestmark = pytest.mark.server


def wrong(result: Result) -> list[str]:
    """All that does not hold."""
    return [*result.problems, *(problem for part in result.parts for problem in part.tally.problems)]


async def test_disorder(tmp_path: Path) -> None:
    """T3: 600 events in one to five copies by sixteen clients, some 30 days late, some with another body, in two orders:
    each leaves one effect, other bodies are answered with 409, and both orders come to the same.

    Killed by: ignoring `known` in Acceptor.commit, leaving properties out of Incoming.digest, or dropping Router.overtaken_by.
    """
    result = await disorder.run(Play("sqlite", 3, 0.006, 60, tmp_path))
    assert wrong(result) == []
    assert [(part.name, part.reached) for part in result.parts] == [("one order", 600), ("another order", 600)]
    assert all(part.faults["other_bodies"] for part in result.parts)


async def test_gap(tmp_path: Path) -> None:
    """T4: 400 events while the relay is killed between commit and signal and Temporal is away: none lost, each seen once, and
    the backlog begins to shrink within seconds of its return.

    Killed by: acknowledging before Temporal has answered in Relay.route, or dropping `_seen` in Inbox.put.
    """
    result = await relay_gap.run(Play("sqlite", 4, 0.02, 120, tmp_path))
    assert wrong(result) == []
    (part,) = result.parts
    assert part.reached == part.asked >= 380
    assert part.faults["killed_between"] >= 2


async def test_race(tmp_path: Path) -> None:
    """T13: sixteen clients start and end each of 15 keys at the same instant: one run at a time, and every event is in the
    run before the end or in the one after it, never in neither.

    Killed by: dropping Router.missed from Aftercare._start.
    """
    result = await race.run(Play("sqlite", 13, 0.03, 60, tmp_path))
    assert wrong(result) == []
    (part,) = result.parts
    assert (part.reached, part.tally.acknowledged) == (15, 240)


def test_passes() -> None:
    """What the race expects follows from the order alone: the first begins, the others are told, an end ends, and one with
    nothing to end is nobody's."""
    names = {"s": "Order Refunded", "e": "Order Cancelled"}
    said = [(f"{kind}{place}", names[kind]) for place, kind in enumerate("esseesess")]
    assert passes(said) == [Pass("s1", ["s2"], "e3"), Pass("s5", [], "e6"), Pass("s7", ["s8"], None)]
