"""Which figures of a report are drawn, and where on a scale from 0 to 100 each of them lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .figures import Kind, said
from .report import Report
from .statistics import Interval

MOST = 12
"""Reasons that are drawn; the table has them all."""
EDGE = 1.15
"""How much more than the intervals for one look a scale shows; what goes beyond it is cut off."""


@dataclass(frozen=True)
class Bar:
    """A length, with the words before and behind it."""

    label: str
    said: str
    width: str


@dataclass(frozen=True)
class Span:
    """An estimate with an interval, and around it the one that holds at any time; `tone` is more, less or open."""

    label: str
    said: str
    at: str
    low: str
    high: str
    far_low: str
    far_high: str
    tone: str


@dataclass(frozen=True)
class Plot:
    """Bars, or spans about a zero between two ends."""

    title: str
    bars: list[Bar] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    zero: str = ""
    ends: tuple[str, str] = ("", "")


def plots_of(report: Report) -> dict[str, list[Plot]]:
    """The plots of each table that has some."""
    return {
        "funnel": _funnels(report),
        "lift": _lifts(report),
        "revenue": _revenue(report),
        "variants": _variants(report),
        "latency": _latency(report),
        "withheld": _withheld(report),
        "fatigue": _fatigue(report),
    }


def bars(title: str, rows: Sequence[tuple[str, str, float]], whole: float | None = None) -> list[Plot]:
    """A plot of bars, in parts of `whole` or of the longest; none without rows."""
    longest = whole or max((value for _, _, value in rows), default=0)
    if not longest:
        return []
    return [Plot(title, [Bar(label, words, _place(100 * value / longest)) for label, words, value in rows])]


def spans(title: str, kind: Kind, rows: Sequence[tuple[str, Interval, Interval]], tones: Sequence[str]) -> list[Plot]:
    """A plot of intervals; none where no interval is known."""
    known = [row for row in zip(rows, tones, strict=True) if math.isfinite(row[0][1].low)]
    if not known:
        return []
    reach = max(max(abs(one.low), abs(one.high)) for (_, one, _), _ in known) * EDGE or 1.0

    def place(value: float) -> str:
        return _place(50 + 50 * value / reach)

    drawn = [
        Span(
            label,
            f"{said(one.value, kind)} ({said(one.low, kind)} to {said(one.high, kind)})",
            at=place(one.value),
            low=place(one.low),
            high=place(one.high),
            far_low=place(far.low if math.isfinite(far.low) else one.low),
            far_high=place(far.high if math.isfinite(far.high) else one.high),
            tone=tone,
        )
        for (label, one, far), tone in known
    ]
    return [Plot(title, spans=drawn, zero=_place(50), ends=(said(-reach, kind), said(reach, kind)))]


def tone_of(interval: Interval) -> str:
    """Which way it points, if it does."""
    if not interval.is_clear:
        return "open"
    return "more" if interval.low > 0 else "less"


def _funnels(report: Report) -> list[Plot]:
    found: list[Plot] = []
    for one in report.funnels:
        steps = {
            "entered": one.entered,
            "sent": one.sent,
            "delivered": one.delivered,
            "opened": one.opened,
            "clicked": one.clicked,
            "goal": one.reached,
        }
        rows = [
            (step, f"{count:,} · {said(count / one.entered, 'share')}" if one.entered else "", float(count))
            for step, count in steps.items()
        ]
        found += bars(one.journey, rows, float(one.entered))
    return found


def _lifts(report: Report) -> list[Plot]:
    rows = [(one.journey, one.once, one.always) for one in report.lifts]
    tones = ["open" if one.is_lopsided else tone_of(one.always) for one in report.lifts]
    return spans("More of those let in reached the goal, in percentage points", "points", rows, tones)


def _revenue(report: Report) -> list[Plot]:
    found: list[Plot] = []
    for currency in sorted({each for one in report.lifts for each in one.currencies}):
        paying = [one for one in report.lifts if currency in one.currencies]
        rows = [(one.journey, one.more_paid(currency), one.always_more_paid(currency)) for one in paying]
        tones = ["open" if one.is_lopsided else tone_of(one.always_more_paid(currency)) for one in paying]
        found += spans(f"More paid a person, in {currency or 'an unknown currency'}", "gain", rows, tones)
    return found


def _variants(report: Report) -> list[Plot]:
    others = [one for one in report.variants if not one.is_baseline]
    rows = [(f"{one.experiment}: {one.arm} beside {one.against}", one.always, one.always) for one in others]
    tones = ["open" if one.is_lopsided else tone_of(one.always) for one in others]
    return spans("More of this arm reached the goal, in percentage points", "points", rows, tones)


def _latency(report: Report) -> list[Plot]:
    rows = [
        (f"{one.journey}, {what}", said(value, "milliseconds"), float(value))
        for one in report.latencies
        for what, value in (("half", one.p50), ("99 of 100", one.p99))
    ]
    return bars("Within", rows)


def _withheld(report: Report) -> list[Plot]:
    rows = [
        (f"{one.journey}: {one.reason}", f"{one.messages:,}", float(one.messages)) for one in report.withheld[:MOST]
    ]
    return bars("Messages", rows)


def _fatigue(report: Report) -> list[Plot]:
    rows = [
        (
            f"{one.messages:,} {'message' if one.messages == 1 else 'messages'}",
            f"{one.people:,} people, {said(one.left / one.people, 'share')} left",
            float(one.people),
        )
        for one in report.fatigue[: 2 * MOST]
    ]
    return bars("People", rows)


def _place(value: float) -> str:
    return f"{min(max(value, 0.0), 100.0):.2f}"
