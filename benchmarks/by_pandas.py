"""What pandas makes of the same purchases: scores, segments and who stays away, without a line of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd


def buyers(frame: Any) -> Any:
    """A row for each user: orders, cents, the last order, and three scores from 1 to 5.

    `frame` has a row for each order: user, at (without a zone), and cents.
    """
    found = frame.groupby("user").agg(orders=("cents", "size"), cents=("cents", "sum"), last=("at", "max"))
    for score, column in {"recency": "last", "frequency": "orders", "monetary": "cents"}.items():
        found[score] = fifths(found[column])
    return found


def lately(frame: Any, day: datetime, days: int) -> Any:
    """How many orders each user made in so many days before that moment."""
    young = frame["at"] > pd.Timestamp(day) - pd.Timedelta(days=days)
    return frame.assign(young=young).groupby("user")["young"].sum()


def favourites(lines: Any) -> Any:
    """The category of most lines for each user, of equals the last in the alphabet; `lines` has user and category."""
    counts = lines.dropna(subset=["category"]).groupby(["user", "category"]).size().rename("lines").reset_index()
    return counts.sort_values(["lines", "category"]).groupby("user")["category"].last()


def fifths(values: Any) -> Any:
    """The fifth in which each value ranks, equal ones together in the lowest of theirs."""
    ranks = values.rank(method="min").astype(int)
    return (1 + (5 * (ranks - 1)) // len(values)).astype(int)


def segments(found: Any, day: datetime) -> dict[str, set[str]]:
    """Who is in which of the shipped segments at that moment, where purchases are all that is known."""
    high = (found.orders >= 2) & (found.cents >= 200_00)
    champion = (found.recency >= 4) & (found.frequency >= 4) & (found.monetary >= 4)
    away = (pd.Timestamp(day) - found["last"]) >= pd.Timedelta(days=30)
    kinds = {"high_value": high, "champion": champion, "at_risk": away}
    return {name: set(found.index[chosen]) for name, chosen in kinds.items()}


def absences(frame: Any, end: datetime, days: int = 30) -> Any:
    """A row for each time that somebody stayed away for so long: user, the day on which that was so, and the next order, if any.

    `frame` as above, whose moments are days.
    """
    visits = frame[["user", "at"]].drop_duplicates().sort_values(["user", "at"])
    visits["back"] = visits.groupby("user")["at"].shift(-1)
    visits["since"] = visits["at"] + pd.Timedelta(days=days)
    found = visits[(visits["since"] <= pd.Timestamp(end)) & ~(visits["back"] <= visits["since"])]
    return found[["user", "since", "back"]].reset_index(drop=True)
