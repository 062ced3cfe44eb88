"""Which arm of an experiment a person is in, for ever."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping


def arm_of(experiment: str, user: str, arms: Mapping[str, int]) -> str:
    """The same at every call; weights are relative. ValueError for weights that leave no arm to choose."""
    total = sum(arms.values())
    if total <= 0 or min(arms.values()) < 0:
        raise ValueError(f"{experiment}: give at least one arm a weight above zero, and none a weight below.")
    place = int.from_bytes(hashlib.sha256(f"{experiment}/{user}".encode()).digest()[:8]) % total
    ends = itertools.accumulate(arms.values())
    return next(arm for arm, end in zip(arms, ends, strict=True) if place < end)
