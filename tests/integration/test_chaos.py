"""The chaos programme itself: it runs at its smallest size, and its check fails where something is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaos import hang_up, kill_storm
from chaos.evidence import Evidence, check
from chaos.page import page_of
from chaos.play import Play
from chaos.rated import most, too_fast
from chaos.result import Bar, Part, Result, kept
from settings import ROOT

RIGHT = Evidence(
    wanted=frozenset({"a", "b", "c", "d"}),
    accepted={"a": 1},
    ledger={"a": "accepted", "b": "withheld", "c": "refused", "d": "unknown"},
    acknowledged=frozenset({"e-1"}),
    seen={"e-1": 1},
    in_doubt=frozenset({"d"}),
    is_told=True,
    faults={"kills": 3},
    least={"kills": 3},
)
WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "lost message": ({"ledger": {"a": "accepted", "b": "withheld", "c": "refused"}}, "1 messages lost: d"),
    "held for ever": ({"ledger": dict(RIGHT.ledger) | {"d": "held"}}, "1 messages lost: d"),
    "doubled": ({"accepted": {"a": 2}}, "1 messages accepted twice: a"),
    "three times": ({"accepted": {"a": 3}, "may_repeat": frozenset("a")}, "1 messages accepted twice: a"),
    "unexpected": ({"accepted": {"a": 1, "x": 1}}, "1 messages nobody wanted: x"),
    "lost event": ({"seen": {}}, "1 events acknowledged and lost: e-1"),
    "seen twice": ({"seen": {"e-1": 2}}, "1 events seen twice: e-1"),
    "doubt without a fault": ({"in_doubt": frozenset()}, "1 messages in doubt without a fault: d"),
    "not settled": (
        {"ledger": dict(RIGHT.ledger) | {"a": "unknown"}},
        "1 messages the provider accepted and told of, which the ledger does not call accepted: a",
    ),
    "made up": ({"accepted": {}}, "1 messages the ledger calls accepted, which the provider never got: a"),
    "no fault": ({"faults": {"kills": 2}}, "the fault did not happen often enough: kills 2 of at least 3"),
    "a rule of its own": ({"problems": ("too late",)}, "too late"),
}


def test_nothing_wrong() -> None:
    """What was accepted, withheld, refused or left in doubt by a fault adds up to what was wanted: the check holds."""
    tally = check(RIGHT)
    assert tally.holds
    assert (tally.wanted, tally.accepted, tally.withheld, tally.refused, tally.unknown) == (4, 1, 1, 1, 1)
    twice = check(replace(RIGHT, accepted={"a": 2}, may_repeat=frozenset("a")))
    assert twice.holds
    assert (twice.repeated, twice.twice) == (1, 0)


@pytest.mark.parametrize("what", WRONG)
def test_whatever_is_wrong_is_found(what: str) -> None:
    """One lost, doubled, made up or unsettled message, one lost event or one missing fault is enough to fail a run."""
    changes, problem = WRONG[what]
    tally = check(replace(RIGHT, **changes))
    assert not tally.holds
    assert problem in tally.problems


def test_one_part_that_fails_fails_the_result(tmp_path: Path) -> None:
    """A result holds only if every part does; one that does not is not kept by `--resume`, nor one of another seed."""
    good, bad = (
        Part.of("part", evidence, asked=4, reached=4, unit="messages")
        for evidence in (RIGHT, replace(RIGHT, accepted={"a": 2}))
    )
    play = Play("sqlite", 7, 0.1, 60, tmp_path)
    result = Result(scenario="T2", title="", database="sqlite", seed=7, size=0.1, parts=[good, good])
    assert result.holds
    result.write(tmp_path)
    assert kept(tmp_path, "T2", play) == result
    assert kept(tmp_path, "T2", replace(play, seed=8)) is None
    failed = result.model_copy(update={"parts": [good, bad]})
    assert not failed.holds
    failed.write(tmp_path)
    assert kept(tmp_path, "T2", play) is None


def test_the_page_needs_nothing_else() -> None:
    """The report loads nothing, escapes what it shows, and says when not all holds."""
    part = Part.of("<part>", replace(RIGHT, accepted={"a": 2}), asked=4, reached=4, unit="messages")
    bars = [Bar(label="call, then record", value=52), Bar(label="the claim", value=0)]
    result = Result(
        scenario="T2", title="<b>", database="sqlite", seed=7, size=0.1, parts=[part], bars=bars, caption="twice"
    )
    page = page_of([result], 7, 0.1)
    assert not re.search(r"https?:|src=|<script|<link|<b>|<part>", page)
    assert "Not all hold." in page
    assert "1 messages accepted twice: a" in page
    assert page.count("<rect") == 2


def test_nothing_begun_proves_nothing() -> None:
    """A part whose time was over before it began does not hold, though nothing in it is wrong."""
    assert Part.of("part", RIGHT, asked=4, reached=1, unit="messages").tally.holds
    assert not Part.of("part", RIGHT, asked=4, reached=0, unit="messages").tally.holds


def test_the_kills_that_are_needed() -> None:
    """T1 needs a hundred kills at full size, however far it came; a smaller run as many as fit what it has reached."""
    full, tenth = Play("sqlite", 1, 1.0, 60, Path()), Play("sqlite", 1, 0.1, 60, Path())
    assert [kill_storm.kills_needed(full, entered) for entered in (10_000, 1_350)] == [100, 100]
    assert [kill_storm.kills_needed(tenth, entered) for entered in (1_000, 600, 20)] == [10, 6, 3]


def test_the_rate_is_judged_in_every_window() -> None:
    """A burst is found wherever it begins; what the rate and its bucket allow is none."""
    even = [place / 4 for place in range(200)]
    assert (most(even, 1.0), most(even, 10.0)) == (4, 40)
    assert too_fast([*even, *[20.1] * 8], 4) == []
    assert too_fast([*even, *[20.1] * 9], 4)[0] == "13 calls within 1 s, where the rate of 4 allows 12"
    assert len(too_fast([place / 8 for place in range(200)], 4)) == 1


@pytest.mark.server
async def test_accepts_and_hangs_up(tmp_path: Path) -> None:
    """T2 at its smallest: with the claim no marketing goes twice and every doubt is settled to the truth; without it some do.

    A push may be accepted twice, and is visible once.
    Killed by: letting `goes_again` in activities/attempts.py say yes to marketing, or leaving the tag out of a push.
    """
    result = await hang_up.run(Play("sqlite", 1, 0.002, 60, tmp_path))
    assert result.problems == [problem for part in result.parts for problem in part.tally.problems] == []
    assert [(part.name, part.reached) for part in result.parts] == [
        ("without workflows", 100),
        ("through Temporal", 3),
        ("push", 30),
    ]
    naive, marketing, _, pushed_twice, visible_twice = (bar.value for bar in result.bars)
    assert naive > 0
    assert marketing == 0
    assert pushed_twice > 0
    assert visible_twice == 0


@pytest.mark.server
def test_two_at_once(tmp_path: Path) -> None:
    """`--beside` prints one line about each scenario, keeps what each has said, and fails where one does not hold.

    Killed by: leaving `result.holds` out of the exit code, or a lane out of `side_by_side`.
    """
    words = [
        "--size",
        "0.0001",
        "--only",
        "T2,T7",
        "--database",
        "sqlite",
        "--minutes",
        "0.1",
        "--seed",
        "3",
        "--beside",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "chaos", *words, "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    lines = done.stderr.splitlines()
    report = json.loads((tmp_path / "report.json").read_text())
    assert [result["scenario"] for result in report["results"]] == ["T2", "T7"]
    for result in report["results"]:
        verdict = "holds" if result["holds"] else "does not hold"
        assert (
            sum(line.startswith(f"{result['scenario']} on sqlite") and f": {verdict}: " in line for line in lines) == 1
        )
        assert (tmp_path / f"{result['scenario']}-sqlite.log").stat().st_size
    # So few messages do not show what goes twice without the claim, and the run says so.
    assert (done.returncode, report["holds"]) == (1, False)


@pytest.mark.server
def test_the_command(tmp_path: Path) -> None:
    """T7 at its smallest, as `python -m chaos` plays it: exit code 0, one report in two forms, nothing left running.

    Killed by: letting `WebhookKey.signed` take a signature that does not fit.
    """
    words = ["--size", "0.001", "--only", "T7", "--database", "sqlite", "--minutes", "1", "--seed", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "chaos", *words, "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    (result,) = report["results"]
    (part,) = result["parts"]
    assert (report["seed"], report["holds"], result["scenario"], part["reached"]) == (3, True, "T7", 150)
    assert part["faults"]["repeats"] == 45
    assert "All hold." in (tmp_path / "report.html").read_text()
