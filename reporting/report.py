"""What journeys achieved in a period: everything that is counted, put together in one consistent view."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from errors import ReportError
from storage.cohorts import Question, groups_of, journeys_with_holdout
from storage.database import Database
from storage.funnels import Funnel, funnels
from storage.mailings import (
    Fatigue,
    Leaving,
    Mailing,
    Withheld,
    fatigue,
    latencies,
    leaving,
    mailings,
    withheld,
)
from storage.steps import Inside, Step, steps
from workflows.catalogue import Catalogue, Listed
from workflows.variants import HELD, LET_IN

from .comparison import Comparison, compared
from .goals import goals_of, named
from .period import Period

PATIENCE = 120.0
"""Seconds that a report may take."""


@dataclass(frozen=True)
class Latency:
    """Of so many messages of one journey, in milliseconds."""

    journey: str
    messages: int
    p50: int
    p99: int
    longest: int


@dataclass(frozen=True)
class Report:
    """All figures of one period."""

    period: Period
    kinds: dict[str, str]
    """Of the journeys there are now: reactive, proactive or static."""
    goals: dict[str, str]
    """What counts as reached, in words."""
    funnels: list[Funnel]
    lifts: list[Comparison]
    variants: list[Comparison]
    mailings: list[Mailing]
    withheld: list[Withheld]
    latencies: list[Latency]
    fatigue: list[Fatigue]
    leaving: list[Leaving]
    steps: list[Step]
    inside: list[Inside]


async def report_of(database: Database, catalogue: Catalogue, period: Period, holdout: float) -> Report:
    """Everything at once; `holdout` is the percent of all people that is kept out of every journey.

    Takes seconds where there are millions of messages, and keeps nobody else waiting. ReportError after two minutes.
    """
    try:
        async with asyncio.timeout(PATIENCE), database.survey() as connection:
            return await _counted(connection, catalogue, period, holdout)
    except TimeoutError:
        raise ReportError(f"The report was not ready after {PATIENCE:.0f} s; choose fewer days.") from None


async def _counted(connection: AsyncConnection, catalogue: Catalogue, period: Period, holdout: float) -> Report:
    journeys, days, window = list(catalogue), (period.start, period.end), period.watched
    goals = {each.journey.name: goals_of(each.journey) for each in journeys}
    lifts: list[Comparison] = []
    variants: list[Comparison] = []
    holding = await journeys_with_holdout(connection)
    for each in journeys:
        name = each.journey.name
        if name in holding:
            groups = await groups_of(connection, _question(each, ""), *days, window, period.now)
            weights = {HELD: (kept_out := share_held(each, holdout)), LET_IN: 1 - kept_out if kept_out else 0}
            lifts += [found for found in compared(name, "", groups, weights) if not found.is_baseline]
        for experiment in each.experiments:
            question = _question(each, experiment.name)
            groups = await groups_of(connection, question, *days, window, period.now)
            variants += compared(name, experiment.name, groups, experiment.arms)
    places, inside = await steps(connection, *days)
    return Report(
        period=period,
        kinds={each.journey.name: each.journey.kind for each in journeys},
        goals={each.journey.name: named(each.journey) for each in journeys},
        funnels=await funnels(connection, *days, window, goals),
        lifts=lifts,
        variants=variants,
        mailings=await mailings(connection, *days),
        withheld=await withheld(connection, *days),
        latencies=list(_latencies((await latencies(connection, *days)).items())),
        fatigue=await fatigue(connection, *days, window),
        leaving=await leaving(connection, *days, window),
        steps=places,
        inside=inside,
    )


def share_held(listed: Listed, holdout: float) -> float:
    """The share of people whom both holdouts together keep out of the journey, as the code and the settings are now."""
    own = listed.journey.holdout
    if own == 0:
        return 0.0
    return 1 - (1 - holdout / 100) * (1 - (own or 0) / 100)


def percentile(counts: Counter[int], share: float) -> int:
    """The smallest value that this share of all does not exceed."""
    left = share * counts.total()
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return 0


def _question(listed: Listed, experiment: str) -> Question:
    journey = listed.journey
    stops = journey.goal_names - journey.start_names if journey.quiet else frozenset[str]()
    return Question(
        journey=journey.name,
        experiment=experiment,
        starts=journey.start_names,
        stops=stops,
        goals=goals_of(journey),
        quiet=journey.quiet,
        key=journey.one_per,
    )


def _latencies(found: Iterable[tuple[str, Counter[int]]]) -> Iterator[Latency]:
    for journey, counts in sorted(found):
        yield Latency(journey, counts.total(), percentile(counts, 0.5), percentile(counts, 0.99), max(counts))
