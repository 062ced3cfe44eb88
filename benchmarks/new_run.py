"""How long a run takes up to its first wait, ours beside the SDK's own minimal workflow."""

from __future__ import annotations

import time

from benchmarks.figures import median
from tests.unit.workflows.minimal import Minimal
from tests.unit.workflows.test_sandbox import STARTS, begun, shared
from workflows.host import Host

RUNS = 300
WARMING = 20


async def turns() -> dict[str, tuple[float, float]]:
    """Seconds by journey, ours and the minimal workflow's: medians, alternating."""
    found = {}
    for journey in STARTS:
        sandbox = shared()
        taken: dict[type, list[float]] = {Host: [], Minimal: []}
        for _ in range(RUNS):
            for workflow, times in taken.items():
                began = time.perf_counter()
                run = begun(journey, workflow, sandbox)
                times.append(time.perf_counter() - began)
                run.evict()
        ours, least = (median(times[WARMING:]) for times in taken.values())
        found[journey] = ours, least
    return found
