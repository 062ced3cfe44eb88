"""How figures are taken and said: percentiles, CPU seconds, a table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import psutil


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of all values lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(round(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def median(values: list[float]) -> float:
    """The middle one; 0 of none."""
    return statistics.median(values) if values else 0.0


@dataclass
class Cpu:
    """CPU seconds that processes have used since this was made."""

    pids: dict[str, int]

    def __post_init__(self) -> None:
        self._before = self._now()

    def used(self) -> dict[str, float]:
        """Seconds of user and system time by name."""
        return {name: seconds - self._before[name] for name, seconds in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in self.pids.items()}


@dataclass(frozen=True)
class Bound:
    """A figure that must hold."""

    name: str
    shown: str
    limit: str
    holds: bool
