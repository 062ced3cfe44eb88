"""What a run may touch, what it imports, and what it costs."""

from __future__ import annotations

import base64
import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import SandboxImportNotificationPolicy

from rehearsal.run import THREAD, Run, WorkflowTaskFailed
from tests.unit.workflows.minimal import Minimal
from worker import runner
from workflows.host import Host

ROOT = Path(__file__).parents[3]
HISTORIES = ROOT / "tests" / "replay" / "histories"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALLOWED = {
    *("events", "messages", "errors", "workflows"),
    *("temporalio", "google", "grpc", "nexusrpc"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
}
"""Ours, the SDK with what it imports itself, and pydantic."""
STARTS = {
    "cart_abandonment": "both_reminders",
    "onboarding": "nothing_done",
    "post_purchase": "went_well",
    "win_back": "stayed_away",
}
"""Each journey, and the recorded path whose input it is given here."""


@cache
def given(journey: str) -> dict[str, Any]:
    """What a run of the journey was really started with."""
    history = json.loads((HISTORIES / journey / f"{STARTS[journey]}.json").read_text())
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    read: dict[str, Any] = json.loads(base64.b64decode(started["input"]["payloads"][0]["data"]))
    return read


def test_the_host_imports_nothing_that_can_act() -> None:
    """In a process that has imported the host alone there is no driver of a database, a provider or a web server."""
    program = "import sys, workflows.host; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    installed = {name for name in done.stdout.split() if name not in sys.stdlib_module_names and name[0] != "_"}
    # Compiled modules and the interpreter's path files leave entries that no file of ours has imported.
    assert installed - ALLOWED - {"cython_runtime"} == set()


def test_every_journey_is_tried_here() -> None:
    """No journey is missing from the tests of this file."""
    assert STARTS.keys() == {path.stem for path in (ROOT / "journeys").glob("[a-z]*.py")}


@pytest.mark.parametrize("journey", STARTS)
async def test_the_strict_policy_passes(journey: str) -> None:
    """Every journey begins under the policy that refuses each import which was not meant to be shared."""
    policy = SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
    shipped = runner()
    strict = replace(shipped, restrictions=shipped.restrictions.with_import_notification_policy(policy))
    run = Run(journey, given(journey), NOON, runner=strict)
    run.begin()
    assert run.activities
    run.evict()


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Writes a journey whose body is the given line, and takes it away again; returns its name."""
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    def write(name: str, line: str) -> str:
        (tmp_path / "journeys" / f"{name}.py").write_text(
            "import random, socket, time, uuid\nfrom datetime import datetime\nfrom pathlib import Path\n"
            "from events import SignedUp\nfrom workflows import User, email, journey\n\n"
            f"@journey(starts_on=SignedUp)\nasync def {name}(user: User, sign_up: SignedUp) -> None:\n"
            f"    {line}\n    await user.send(email('onboarding/welcome'))\n"
        )
        return name

    return write


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("clock", "datetime.now()"),
        ("seconds", "time.time()"),
        ("chance", "random.random()"),
        ("fresh", "uuid.uuid4()"),
        ("file", "open('notes.txt')"),
        ("folder", "Path('notes.txt').read_text()"),
        ("network", "socket.create_connection(('127.0.0.1', 9))"),
    ],
)
async def test_what_cannot_be_replayed_is_refused(written: Callable[[str, str], str], name: str, line: str) -> None:
    """A journey that reads a clock, draws by chance or reaches outside fails its task before it has done anything."""
    run = Run(written(name, line), given("onboarding"), NOON, runner=runner())
    with pytest.raises(WorkflowTaskFailed, match="Cannot access"):
        run.begin()
    run.evict()


async def test_the_same_journey_without_it_begins(written: Callable[[str, str], str]) -> None:
    """It is that line which is refused: the same file without it begins."""
    run = Run(written("harmless", "user.now()"), given("onboarding"), NOON, runner=runner())
    run.begin()
    assert run.activities
    run.evict()


def shared() -> SandboxedWorkflowRunner:
    """The shipped sandbox; the minimal workflow is shared with it just as the host is."""
    shipped = runner()
    return replace(shipped, restrictions=shipped.restrictions.with_passthrough_modules("tests"))


def begun(journey: str, workflow: type, sandbox: SandboxedWorkflowRunner) -> Run:
    run = Run(journey, given(journey), NOON, workflow=workflow, runner=sandbox)
    run.begin()
    run.activities.clear()  # What the driver notes is no part of the run.
    return run


@pytest.mark.parametrize("journey", STARTS)
async def test_a_new_run_does_little_more(journey: str) -> None:
    """A new run up to its first wait makes at most 1,000 calls more than the SDK's own minimal workflow.

    Counted, not timed: `make bench` shows that they take less than a millisecond.
    Killed by: importing workflows anew in each run, which the sandbox does unless told not to.
    """
    sandbox = shared()

    def calls(workflow: type) -> int:
        begun(journey, workflow, sandbox).evict()
        counted = 0

        def count(_frame: object, what: str, _argument: object) -> None:
            nonlocal counted
            counted += what == "call"

        # The run is made in this thread and activated in the other.
        THREAD.submit(sys.setprofile, count).result()
        sys.setprofile(count)
        run = begun(journey, workflow, sandbox)
        sys.setprofile(None)
        THREAD.submit(sys.setprofile, None).result()
        run.evict()
        return counted

    more = calls(Host) - calls(Minimal)
    assert 0 < more <= 1000, more


@pytest.mark.parametrize("journey", STARTS)
async def test_a_new_run_takes_25_kib_more(journey: str) -> None:
    """A run at its first wait holds at most 25 KiB more than the SDK's own minimal workflow (mean of 50)."""
    sandbox = shared()

    def held(workflow: type) -> float:
        for _ in range(10):
            begun(journey, workflow, sandbox).evict()
        gc.collect()
        tracemalloc.start()
        try:
            runs = [begun(journey, workflow, sandbox) for _ in range(50)]
            gc.collect()
            return tracemalloc.get_traced_memory()[0] / len(runs) / 1024
        finally:
            tracemalloc.stop()
            for run in runs:
                run.evict()

    # What other threads of this process allocate meanwhile is counted too, so the least of three tries is the run's own.
    ours, least = min(held(Host) for _ in range(3)), min(held(Minimal) for _ in range(3))
    assert ours - least <= 25, f"{ours:.1f} KiB against {least:.1f} KiB"
