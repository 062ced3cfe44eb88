"""Which groups a person belongs to at this moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

HIGH_VALUE = Decimal(200)
"""Spent in all, in the shop's currency, by somebody who bought at least twice."""
AT_RISK = timedelta(days=30)
SEGMENTS = frozenset({"high_value", "at_risk", "newcomer"})


def segments_of(orders: int, spent: Decimal, last_seen_at: datetime | None, now: datetime) -> frozenset[str]:
    """`high_value`: repeat buyers of at least HIGH_VALUE; `at_risk`: buyers not seen for AT_RISK; `newcomer`: no order yet."""
    found = set[str]()
    if orders >= 2 and spent >= HIGH_VALUE:
        found.add("high_value")
    if orders and (last_seen_at is None or now - last_seen_at >= AT_RISK):
        found.add("at_risk")
    if not orders:
        found.add("newcomer")
    return frozenset(found)
