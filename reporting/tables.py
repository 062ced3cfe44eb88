"""Which tables a report has."""

from __future__ import annotations

from .achieved import funnel, lift, revenue, variant_revenue, variants
from .figures import Table
from .mailed import fatigue, latency, leaving, messages, withheld
from .places import steps
from .report import Report

ALL = (funnel, steps, lift, revenue, variants, variant_revenue, latency, messages, withheld, fatigue, leaving)


def tables_of(report: Report) -> list[Table]:
    """All of them, in the order in which they are read."""
    return [make(report) for make in ALL]
