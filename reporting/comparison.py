"""What a difference between two groups of people amounts to, and whether anybody may believe it yet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from storage.cohorts import Group, Money

from . import sequential, statistics
from .statistics import LEVEL, Interval, Mean, Share

DOUBTFUL = 0.001
"""Groups of such sizes come about by chance less often than this: then something else has made them."""


@dataclass(frozen=True)
class Comparison:
    """One group beside the one it is compared with; in an experiment of several arms each is compared more strictly."""

    journey: str
    experiment: str
    """Empty where those let in are compared with those held out."""
    arm: str
    mine: Group
    against: str
    theirs: Group
    level: float = LEVEL
    is_lopsided: bool = False
    """Whether the groups are not as large as they should be, so that nothing of this may be believed."""

    @property
    def share(self) -> Share:
        return Share(self.mine.hits, self.mine.seen)

    @property
    def other(self) -> Share:
        return Share(self.theirs.hits, self.theirs.seen)

    @property
    def is_baseline(self) -> bool:
        """Whether it is the arm that the others are compared with."""
        return self.arm == self.against

    @cached_property
    def once(self) -> Interval:
        """The difference of the rates, for who looks once."""
        return statistics.difference(self.share, self.other)

    @cached_property
    def always(self) -> Interval:
        """The same for who looks as often as they like."""
        return sequential.difference(self.share, self.other, self.level)

    @property
    def lift(self) -> Interval:
        """By how much of the others' rate."""
        return statistics.ratio(self.share, self.other)

    @property
    def z(self) -> float:
        return statistics.z_score(self.share, self.other)

    @property
    def needed(self) -> int | None:
        """How many people a difference as the one seen takes, in both groups, as they are divided now."""
        both = self.mine.seen + self.theirs.seen
        return statistics.needed(self.share.rate, self.other.rate, self.mine.seen / both) if both else None

    @property
    def smallest(self) -> float:
        """Which difference groups of these sizes would show."""
        if not self.other.people:
            return math.nan
        return statistics.smallest(self.other.rate, self.mine.seen, self.theirs.seen)

    @property
    def reading(self) -> str:
        """What may be said of it at any time."""
        if self.is_baseline:
            return "compared with"
        if self.is_lopsided:
            return "not to be believed: the groups have not the sizes they should have"
        if not self.mine.seen or not self.theirs.seen:
            return "nothing yet"
        if not self.always.is_clear:
            return "no difference shown yet"
        return "more" if self.always.low > 0 else "less"

    @property
    def currencies(self) -> list[str]:
        return sorted(self.mine.money.keys() | self.theirs.money.keys())

    def revenue(self, currency: str) -> tuple[Mean, Mean]:
        """What each person of both groups paid."""
        return paid(self.mine, currency), paid(self.theirs, currency)

    def more_paid(self, currency: str) -> Interval:
        """The difference of these, for who looks once."""
        return statistics.welch(*self.revenue(currency))

    def always_more_paid(self, currency: str) -> Interval:
        """The same for who looks as often as they like."""
        return sequential.means(*self.revenue(currency), self.level)


def paid(group: Group, currency: str) -> Mean:
    """By everybody whose window is over; who bought nothing counts as zero."""
    money = group.money.get(currency, Money())
    return Mean(group.seen, money.total, money.squares)


def compared(
    journey: str, experiment: str, groups: Mapping[str, Group], weights: Mapping[str, float]
) -> list[Comparison]:
    """Every group beside the first of `weights`, which are those of the code, in its order; that one is the baseline.

    Groups that the code does not name any more come last.
    """
    names = [name for name in weights if name in groups] + sorted(groups.keys() - weights.keys())
    if not names:
        return []
    baseline, strict = names[0], 1 - (1 - LEVEL) / max(len(names) - 1, 1)
    odd = lopsided([groups[name].people for name in names], [weights.get(name, 0) for name in names])
    return [
        Comparison(journey, experiment, name, groups[name], baseline, groups[baseline], strict, odd) for name in names
    ]


def lopsided(people: Sequence[int], weights: Sequence[float]) -> bool:
    """Whether so many people in each group are not what a draw by these weights gives.

    Each share is tested by itself, more strictly the more there are. Groups without a weight are not judged.
    """
    known = [(count, weight) for count, weight in zip(people, weights, strict=True) if weight > 0]
    everybody, whole = sum(count for count, _ in known), sum(weight for _, weight in known)
    if everybody == 0 or len(known) < 2:
        return False
    for count, weight in known:
        chance = weight / whole
        z = (count - everybody * chance) / math.sqrt(everybody * chance * (1 - chance))
        if statistics.p_value(z) * len(known) < DOUBTFUL:
            return True
    return False
