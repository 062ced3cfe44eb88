"""What became of messages, as tables that say how each of their figures is counted."""

from __future__ import annotations

from .figures import Cell, Column, Table, cells_of, days
from .report import Report
from .statistics import Share, wilson

LEFT = "Left: they unsubscribed from something, or called an email spam"
SHARE = (
    Column("share", "Share", "share"),
    Column("share_low", "from", "share"),
    Column("share_high", "to", "share"),
)


def latency(report: Report) -> Table:
    """From the request to the provider."""
    rows: list[tuple[Cell, ...]] = [
        (each.journey, each.messages, each.p50, each.p99, each.longest) for each in report.latencies
    ]
    return Table(
        "latency",
        "From the request to the provider",
        "Messages of these days that had nothing to wait for: their journey wanted them at once, and neither quiet hours "
        "nor a cap nor a best hour held them. From the arrival of the event that opened the pass at the front door to the "
        "call of the provider that accepted; for in-app messages, and while no provider is set, to their being kept.",
        (
            Column("journey", "Journey"),
            Column("messages", "Messages", "count"),
            Column("p50_ms", "Half within", "milliseconds"),
            Column("p99_ms", "99 of 100 within", "milliseconds"),
            Column("longest_ms", "Longest", "milliseconds"),
        ),
        rows,
        "No message of these days had nothing to wait for.",
    )


def messages(report: Report) -> Table:
    """By journey and channel."""
    counts = ("sent", "delivered", "opened", "clicked", "withheld", "refused")
    rows: list[tuple[Cell, ...]] = [
        (
            *(each.journey, each.channel, each.sent, each.delivered, each.opened, each.clicked),
            *(each.withheld, each.refused, each.unknown, each.waiting),
        )
        for each in report.mailings
    ]
    return Table(
        "messages",
        "Messages",
        "Messages by what was decided of them in these days, and what is known now. Sent: accepted by the provider, or "
        "kept here. In doubt: nobody knows whether they arrived. Waiting: held, or on their way.",
        (
            Column("journey", "Journey"),
            Column("channel", "Channel"),
            *(Column(name, name.capitalize(), "count") for name in counts),
            Column("in_doubt", "In doubt", "count"),
            Column("waiting", "Waiting", "count"),
        ),
        rows,
        "No journey wanted to send anything in these days.",
    )


def withheld(report: Report) -> Table:
    """Why messages did not go."""
    rows: list[tuple[Cell, ...]] = [(each.journey, each.reason, each.messages) for each in report.withheld]
    return Table(
        "withheld",
        "Why messages were withheld",
        "Messages of these days that a journey wanted and a rule kept back, by the reason in the ledger. Where several "
        "channels were tried it names each.",
        (Column("journey", "Journey"), Column("reason", "Reason"), Column("messages", "Messages", "count")),
        rows,
        "Nothing was withheld in these days.",
    )


def fatigue(report: Report) -> Table:
    """By how much people got."""
    rows: list[tuple[Cell, ...]] = [
        (each.messages, each.people, each.left, *cells_of(wilson(Share(each.left, each.people))))
        for each in report.fatigue
    ]
    return Table(
        "fatigue",
        "How much people got",
        f"People by how many messages of all journeys they got in these days; calls of other programs are none. {LEFT}, "
        f"after the first of these and within {days(report.period.window)} after the last. The share has an interval that "
        "holds the truth 95 times in 100 (Wilson). Who got more was not drawn to get more: it is no proof of a cause.",
        (
            Column("messages", "Messages a person", "count"),
            Column("people", "People", "count"),
            Column("left", "Left", "count"),
            *SHARE,
        ),
        rows,
        "Nobody got a message in these days.",
    )


def leaving(report: Report) -> Table:
    """Who left, by journey."""
    rows: list[tuple[Cell, ...]] = [
        (each.journey, each.people, each.left, *cells_of(wilson(Share(each.left, each.people))))
        for each in report.leaving
    ]
    return Table(
        "leaving",
        "Who left after which journey",
        f"People who got a message of the journey in these days. {LEFT}, after its first and within "
        f"{days(report.period.window)} after its last; who got messages of several counts with each.",
        (Column("journey", "Journey"), Column("people", "People", "count"), Column("left", "Left", "count"), *SHARE),
        rows,
        "Nobody got a message in these days.",
    )
