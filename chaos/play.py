"""What a scenario is given: how large, how long, on which database, and chances that a seed repeats."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["sqlite", "postgresql"]


@dataclass
class Play:
    """One run of one scenario on one database; `home` is a folder that is gone afterwards."""

    database: Kind
    seed: int
    size: float
    """1.0 is the whole programme, 0.1 what a build machine has time for."""
    seconds: float
    """How long new work is begun; what has begun is finished after that."""
    home: Path
    show: Callable[[str, int, int], None] = lambda what, done, of: None
    """Called with what is being done, how much of it is done, and of how much."""
    began: float = field(default_factory=time.monotonic)

    def count(self, full: int, least: int = 1) -> int:
        """So many at this size of what are `full` at full size."""
        return max(round(full * self.size), least)

    def until(self, share: float) -> Callable[[], bool]:
        """Whether that share of the whole time is over."""
        return lambda: time.monotonic() - self.began >= self.seconds * share

    def lasting(self, share: float) -> Callable[[], bool]:
        """Whether that share of the whole time is over from now on: for a part that begins when another has ended."""
        end = time.monotonic() + self.seconds * share
        return lambda: time.monotonic() >= end

    def chances(self, what: str) -> random.Random:
        """Chances of its own for each use, so that one drawing more does not change another's."""
        return random.Random(f"{self.seed}/{what}")
