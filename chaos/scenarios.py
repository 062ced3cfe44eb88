"""Which scenarios there are, by the name that `--only` takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from . import (
    disorder,
    forgery,
    hang_up,
    herd,
    hostility,
    kill_storm,
    outage,
    race,
    relay_gap,
    resets,
    soak,
    unsubscribing,
)
from .play import Play
from .result import Result

Scenario = Callable[[Play], Awaitable[Result]]
SCENARIOS: dict[str, tuple[str, Scenario]] = {
    "T1": (kill_storm.TITLE, kill_storm.run),
    "T2": (hang_up.TITLE, hang_up.run),
    "T3": (disorder.TITLE, disorder.run),
    "T4": (relay_gap.TITLE, relay_gap.run),
    "T7": (forgery.TITLE, forgery.run),
    "T10": (unsubscribing.TITLE, unsubscribing.run),
    "T13": (race.TITLE, race.run),
    "T15": (herd.TITLE, herd.run),
    "T16": (outage.TITLE, outage.run),
    "T14": (resets.TITLE, resets.run),
    "T18": (hostility.TITLE, hostility.run),
    "T21": (soak.TITLE, soak.run),
}
BUSY = frozenset({"T1", "T2", "T3", "T4", "T13", "T15", "T18"})
"""Those that use all the processors they get; the others mostly wait."""
ALONE = frozenset({"T21"})
"""Those that measure, and have nothing beside them."""
