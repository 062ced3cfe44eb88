"""Caps: how they are written, where a period begins, and when a place is free again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.caps import Cap, read_caps
from errors import SettingsError

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "caps"),
    [
        ("", ()),
        ("3 a week rolling", (Cap(3, "week"),)),
        (
            "3 a week rolling; news: 1 a calendar day counting all;",
            (Cap(3, "week"), Cap(1, "day", True, "news", True)),
        ),
    ],
)
def test_as_it_is_written(text: str, caps: tuple[Cap, ...]) -> None:
    """Each cap of the setting is understood, and says itself in the same words."""
    assert read_caps(text) == caps
    assert read_caps("; ".join(map(str, caps))) == caps


@pytest.mark.parametrize(
    "text", ["3", "0 a week rolling", "3 a week", "3 a calendar hour", "3 per week", "A: 1 a day rolling"]
)
def test_what_is_no_cap(text: str) -> None:
    """Anything else is refused with an example of how to write it."""
    with pytest.raises(SettingsError, match="3 a week rolling; 1 a calendar day"):
        read_caps(text)


@pytest.mark.parametrize(
    ("cap", "now", "since", "until"),
    [
        (Cap(1, "day", True), "2026-03-29T12:00", "2026-03-29T00:00", "2026-03-30T00:00"),
        (Cap(1, "week", True), "2026-03-29T23:59", "2026-03-23T00:00", "2026-03-30T00:00"),
        (Cap(1, "month", True), "2026-02-10T00:00", "2026-02-01T00:00", "2026-03-01T00:00"),
        (Cap(1, "month", True), "2026-12-31T23:00", "2026-12-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_calendar(cap: Cap, now: str, since: str, until: str) -> None:
    """D9: a calendar's period begins at midnight on the person's clock, whether that day has 23, 24 or 25 hours."""
    moment = datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    assert cap.since(moment, BERLIN) == datetime.fromisoformat(since).replace(tzinfo=BERLIN)
    assert cap.frees([moment], moment, BERLIN) == datetime.fromisoformat(until).replace(tzinfo=BERLIN)


@given(
    most=st.integers(1, 5),
    gone=st.lists(st.integers(0, 7 * 24 * 3600 - 1), min_size=1, max_size=12),
)
def test_rolling(most: int, gone: list[int]) -> None:
    """A place under a rolling cap is free exactly when so many have left the period that fewer than the most are in it."""
    now, cap = datetime(2026, 3, 8, tzinfo=UTC), Cap(most, "week")
    moments = [now - timedelta(seconds=ago) for ago in gone]
    if len(moments) < most:
        return
    free = cap.frees(moments, now, BERLIN)
    assert sum(cap.covers(moment, free, BERLIN) for moment in moments) < most
    before = free - timedelta(seconds=1)
    assert sum(cap.covers(moment, before, BERLIN) for moment in moments) >= most
