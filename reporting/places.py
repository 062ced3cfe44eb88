"""Where in their journeys people are, and what went out at each place: as a table, and in the pictures of the journeys."""

from __future__ import annotations

from .chart import Chart
from .figures import Cell, Column, Table
from .picture import svg
from .report import Report


def steps(report: Report) -> Table:
    """By journey and message, in the words of the pictures."""
    rows: list[tuple[Cell, ...]] = [
        (each.journey, each.step, each.sent, each.withheld, each.waiting, each.now) for each in report.steps
    ]
    return Table(
        "steps",
        "Where people are",
        "Messages of these days by their place in the journey's code; a message that stands there twice is one place. "
        "Sent: accepted by the provider, or kept here. Waiting: held, or on their way. Here now: people who are in the "
        "journey at this moment, whatever days are chosen, and whose newest message this is. The pictures are drawn from the "
        "code by `python starter.py draw`.",
        (
            Column("journey", "Journey"),
            Column("step", "Message"),
            *(Column(name, name.capitalize(), "count") for name in ("sent", "withheld", "waiting")),
            Column("here_now", "Here now", "count"),
        ),
        rows,
        "No message of these days.",
    )


def pictures(report: Report, charts: dict[str, Chart]) -> list[tuple[str, str]]:
    """(journey, SVG) of each journey that was drawn and somebody has entered or is in."""
    entered = {each.journey: each for each in report.funnels}
    inside = {each.journey: each for each in report.inside}
    return [
        (name, svg(chart, f"The journey {name}, with counts", _counts(report, name)))
        for name, chart in sorted(charts.items())
        if name in entered or name in inside
    ]


def _counts(report: Report, journey: str) -> dict[str, str]:
    """What is written beneath the words of each box."""
    found: dict[str, str] = {}
    for each in report.steps:
        if each.journey == journey:
            parts = [f"{each.sent:,} sent", f"{each.withheld:,} withheld"]
            parts += [f"{each.waiting:,} waiting"] if each.waiting else []
            found[each.step] = " · ".join([*parts, f"{each.now:,} here now"])
    funnel = next((each for each in report.funnels if each.journey == journey), None)
    inside = next((each for each in report.inside if each.journey == journey), None)
    found["start"] = " · ".join(
        [
            *([f"{funnel.entered:,} entered"] if funnel else []),
            *([f"{inside.before:,} before the first message"] if inside else []),
        ]
    )
    found["finish"] = f"{funnel.reached:,} at the goal" if funnel else ""
    return found
