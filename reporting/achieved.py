"""What journeys achieved, as tables that say how each of their figures is counted."""

from __future__ import annotations

from collections.abc import Iterator

from .comparison import Comparison
from .figures import Cell, Column, Table, cells_of, days, difference, money
from .report import Report

GROUPS = (
    "People count once, with the first pass for which they were drawn, if their journey began in these days, or would "
    "have. Whoever was drawn is counted, whatever became of it. All are watched for {} from then on, and counted when "
    "that is over."
)


def _who(report: Report) -> str:
    return GROUPS.format(days(report.period.window))


def funnel(report: Report) -> Table:
    """Numbers of people by journey."""
    rows: list[tuple[Cell, ...]] = [
        (
            each.journey,
            report.kinds.get(each.journey),
            each.entered,
            each.sent,
            each.delivered,
            each.opened,
            each.clicked,
            each.reached,
            each.held,
            report.goals.get(each.journey),
        )
        for each in report.funnels
    ]
    counts = ("entered", "sent", "delivered", "opened", "clicked", "goal")
    return Table(
        "funnel",
        "How far people came",
        "People, each once in a journey, who entered it in these days, by what came of its messages until now. Sent: at "
        "least one was accepted by its provider, or kept for them. Delivered, opened and clicked: as SendGrid tells, "
        "machines that open everything left out; in-app messages as they were kept, read and clicked. Of push nothing is "
        f"told. Goal: they did what stands there after the first message, within {days(report.period.window)}, for whatever reason.",
        (
            Column("journey", "Journey"),
            Column("kind", "Kind"),
            *(Column(name, name.capitalize(), "count") for name in counts),
            Column("held_out", "Held out", "count"),
            Column("goal_is", "The goal"),
        ),
        rows,
        "Nobody entered a journey in these days.",
    )


def lift(report: Report) -> Table:
    """Those let in beside those held out."""

    def cells(one: Comparison) -> Iterator[Cell]:
        yield from (one.journey, report.goals.get(one.journey))
        yield from (one.mine.people, one.mine.seen, one.mine.hits, one.share.rate)
        yield from (one.theirs.people, one.theirs.seen, one.theirs.hits, one.other.rate)
        yield from cells_of(one.once)
        yield from (one.always.low, one.always.high)
        yield from cells_of(one.lift)
        yield from (one.z, one.needed, one.smallest, one.reading)

    return Table(
        "lift",
        "What the journey changed",
        f"{_who(report)} Difference: the rate of those let in above that of those held out, with the interval "
        "that holds the truth 95 times in 100 for who looks once (Newcombe). At any time: the interval for who looks again and "
        "again, by which the last column speaks. Lift: the difference as a part of the rate of those held out. People "
        "needed: both groups together, at their present shares, to show a difference as the one seen, 4 times in 5.",
        (
            Column("journey", "Journey"),
            Column("goal_is", "Goal"),
            Column("let_in", "Let in", "count", shown=False),
            Column("let_in_watched", "Let in", "count"),
            Column("let_in_goal", "Reached", "count", shown=False),
            Column("let_in_rate", "Rate", "share"),
            Column("held_out", "Held out", "count", shown=False),
            Column("held_out_watched", "Held out", "count"),
            Column("held_out_goal", "Reached", "count", shown=False),
            Column("held_out_rate", "Rate", "share"),
            Column("difference", "Difference", "points"),
            Column("difference_low", "from", "points"),
            Column("difference_high", "to", "points"),
            Column("always_low", "at any time from", "points", shown=False),
            Column("always_high", "to", "points", shown=False),
            Column("lift", "Lift", "relative"),
            Column("lift_low", "from", "relative", shown=False),
            Column("lift_high", "to", "relative", shown=False),
            Column("z", "z", "number", shown=False),
            Column("people_needed", "People needed", "count"),
            Column("smallest_shown", "Smallest to be shown", "points", shown=False),
            Column("reading", "At any time"),
        ),
        [tuple(cells(one)) for one in report.lifts],
        "Nobody was held out of a journey in these days: with holdout=10 in the journey, or JOURNEYMAN_HOLDOUT, there is "
        "a group to compare with.",
    )


def revenue(report: Report) -> Table:
    """The same in money."""

    def rows() -> Iterator[tuple[Cell, ...]]:
        for one in report.lifts:
            for currency in one.currencies:
                mine, theirs = one.revenue(currency)
                yield (
                    *(one.journey, currency),
                    *(mine.people, money(mine.total), money(mine.mean)),
                    *(theirs.people, money(theirs.total), money(theirs.mean)),
                    *cells_of(one.more_paid(currency)),
                )

    return Table(
        "revenue",
        "What people paid",
        "The same people as above. Revenue: the value of their completed orders in that time, by currency; who bought nothing "
        "counts as zero, refunds are not subtracted. More a person: the difference of the means, with the interval that "
        "holds the truth 95 times in 100 for who looks once (Welch).",
        (
            Column("journey", "Journey"),
            Column("currency", "Currency"),
            Column("let_in", "Let in", "count"),
            Column("let_in_revenue", "Revenue", "money"),
            Column("let_in_per_person", "a person", "money"),
            Column("held_out", "Held out", "count"),
            Column("held_out_revenue", "Revenue", "money"),
            Column("held_out_per_person", "a person", "money"),
            *difference("gain", "More a person"),
        ),
        list(rows()),
        "Nobody of both groups bought anything that is counted yet.",
    )


def variants(report: Report) -> Table:
    """The arms of each experiment."""
    rows: list[tuple[Cell, ...]] = [
        (
            *(one.journey, one.experiment, one.arm, one.mine.people, one.mine.seen, one.mine.hits, one.share.rate),
            *((None,) * 3 if one.is_baseline else cells_of(one.always)),
            one.reading,
        )
        for one in report.variants
    ]
    return Table(
        "variants",
        "Which variant is better",
        f"{_who(report)} Rate: who reached the goal, among the people of an arm. Difference: to the first arm, with "
        "an interval that may be looked at every day and acted on at once: where there is no difference, it shows one at any "
        "time at all at most 5 times in 100. More than two arms share these.",
        (
            Column("journey", "Journey"),
            Column("experiment", "Experiment"),
            Column("arm", "Arm"),
            Column("people", "People", "count", shown=False),
            Column("watched", "People", "count"),
            Column("goal", "Goal", "count"),
            Column("rate", "Rate", "share"),
            *difference("points", "Difference"),
            Column("reading", "At any time"),
        ),
        rows,
        "No journey has an experiment that anybody was drawn for in these days: user.variant makes one.",
    )


def variant_revenue(report: Report) -> Table:
    """The same in money."""

    def rows() -> Iterator[tuple[Cell, ...]]:
        for one in report.variants:
            for currency in one.currencies:
                mine, _ = one.revenue(currency)
                difference = (None,) * 3 if one.is_baseline else cells_of(one.always_more_paid(currency))
                yield (
                    *(one.journey, one.experiment, one.arm, currency),
                    *(mine.people, money(mine.total), money(mine.mean), *difference),
                )

    return Table(
        "variant-revenue",
        "What people of each variant paid",
        "As above, by currency; the intervals may be looked at every day too.",
        (
            Column("journey", "Journey"),
            Column("experiment", "Experiment"),
            Column("arm", "Arm"),
            Column("currency", "Currency"),
            Column("people", "People", "count"),
            Column("revenue", "Revenue", "money"),
            Column("per_person", "a person", "money"),
            *difference("gain", "More a person"),
        ),
        list(rows()),
        "Nobody bought anything that is counted yet.",
    )
