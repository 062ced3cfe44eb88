"""The programme's soak at its smallest size; how quick it is, is for the long run to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import soak
from chaos.play import Play

pytestmark = pytest.mark.server


async def test_soak(tmp_path: Path) -> None:
    """T21: beside 100 people asleep 100 enter, are sent an email each and leave, and 1,000 events come that no journey cares
    about: each is stored and seen once, each email is sent once, and every process is looked at.

    Killed by: storing only what a journey cares about in Acceptor._store, or leaving out Cancel in Router._end.
    """
    result = await soak.run(Play("sqlite", 21, 0.001, 600, tmp_path))
    assert [problem for problem in result.problems if not problem.startswith("too slow")] == []
    asleep, load = result.parts
    assert asleep.tally.problems == load.tally.problems == []
    assert (asleep.reached, asleep.tally.acknowledged, load.reached) == (100, 100, 100)
    assert (load.tally.acknowledged, load.tally.wanted, load.tally.accepted) == (200, 100, 100)
    for told in ("0 asleep", "10 asleep", "100 asleep", "front door and relay: ", "worker: ", "Temporal: "):
        assert [note for note in result.notes if note.startswith(told)], told
