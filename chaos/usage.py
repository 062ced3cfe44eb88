"""What processes hold while they work, in memory, files and threads, and whether that stays flat."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

import psutil

SHARE = 0.03
"""Of what a process holds: what the second half may add in memory."""
MIB, COUNT = 4.0, 8.0
"""What the second half may always add, in MiB of memory, and in files or threads: a burst makes pools larger, for good."""
JUDGED = 300.0
"""Seconds that the second half must have: before that caches fill up to their bounds, and pools to theirs."""
POINTS = 400
"""How many samples a slope is taken of."""


@dataclass(frozen=True)
class Sample:
    """One look at one process."""

    at: float
    mib: float
    files: int
    threads: int


class Watch:
    """Looks at processes, given by name, again and again."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self.samples: dict[str, list[Sample]] = {name: [] for name in pids}

    def look(self) -> None:
        """One sample of each; psutil.NoSuchProcess where one has ended."""
        for name, process in self._processes.items():
            with process.oneshot():
                held = process.memory_info().rss / 2**20
                sample = Sample(time.monotonic(), held, process.num_fds(), process.num_threads())
            self.samples[name].append(sample)

    @asynccontextmanager
    async def watching(self, every: float) -> AsyncIterator[None]:
        """Look every so many seconds for as long as the block lasts; what goes wrong with that is raised at its end."""
        looking = asyncio.create_task(self._looking(every))
        try:
            yield
        finally:
            looking.cancel()
            (ended,) = await asyncio.gather(looking, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    async def _looking(self, every: float) -> None:
        while True:
            self.look()
            await asyncio.sleep(every)

    def accounts(self) -> list[str]:
        """What each has held, in words."""
        return [account(name, samples) for name, samples in self.samples.items() if samples]

    def not_flat(self) -> list[str]:
        """What has grown in the second half, in words; nothing where that was too short to tell."""
        return [problem for name, samples in self.samples.items() for problem in not_flat(name, samples)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between any two of these (Theil and Sen): a third of them may be far off and change nothing."""
    pairs = itertools.combinations(points[:: len(points) // POINTS + 1], 2)
    return median([(y - x) / (later - sooner) for (sooner, x), (later, y) in pairs if later > sooner] or [0.0])


def second_half(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those of the later half of the time."""
    middle = (samples[0].at + samples[-1].at) / 2
    return [sample for sample in samples if sample.at >= middle]


def growth(samples: Sequence[Sample], what: str) -> float:
    """By how much that has grown over these, by its slope."""
    lasted = samples[-1].at - samples[0].at
    return slope([(sample.at, getattr(sample, what)) for sample in samples]) * lasted


def account(name: str, samples: Sequence[Sample]) -> str:
    """What one process held at the start and at the end, and what its second half has added by the slope."""
    first, last, half = samples[0], samples[-1], second_half(samples)
    told = f"{name}: {first.mib:.0f} MiB at the start and {last.mib:.0f} at the end, {first.files} and {last.files} files, "
    told += f"{first.threads} and {last.threads} threads; in the second half {growth(half, 'mib'):+.1f} MiB"
    return f"{told}, {growth(half, 'files'):+.1f} files, {growth(half, 'threads'):+.1f} threads"


def not_flat(name: str, samples: Sequence[Sample]) -> list[str]:
    """What of this process has grown by more than it may."""
    half = second_half(samples) if samples else []
    if not half or half[-1].at - half[0].at < JUDGED * 0.99:
        return []
    may = {"mib": max(SHARE * median([sample.mib for sample in half]), MIB), "files": COUNT, "threads": COUNT}
    words = {"mib": "MiB of memory", "files": "files", "threads": "threads"}
    grown = {what: growth(half, what) for what in may}
    return [
        f"{name} is not flat: {grown[what]:+.1f} {words[what]} in {half[-1].at - half[0].at:.0f} s, at most {most:.1f} allowed"
        for what, most in may.items()
        if grown[what] > most
    ]
