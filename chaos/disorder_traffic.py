"""What is said in the disorder: every event, its copies, and what must be known of everybody at the end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

EACH = 20
"""Events of one person."""
LATE = timedelta(days=30)
LATE_SHARE, OTHER_SHARE = 0.1, 0.02


@dataclass(frozen=True)
class Original:
    """One event as it was meant."""

    user: str
    id: str
    name: str
    at: datetime
    properties: dict[str, Any]

    def call(self, **changes: Any) -> dict[str, Any]:
        """As a tracking client posts it; `changes` to its properties make another body of it."""
        return {
            "type": "track", "event": self.name, "userId": self.user, "messageId": self.id,
            "timestamp": self.at.isoformat(), "properties": self.properties | changes,
        }  # fmt: skip


@dataclass(frozen=True)
class Copy:
    """One posting of an event; `is_other` if its body is not the original's."""

    of: Original
    is_other: bool = False


def originals(count: int, now: datetime, chances: random.Random) -> list[Original]:
    """So many events of people who are all alike: a refund that opens a quiet phase, every other has it called off, every
    tenth buys; the rest is what no journey asks about. A tenth happened 30 days ago."""
    return [_event(number // EACH, number % EACH, now, chances) for number in range(count)]


def _event(person: int, place: int, now: datetime, chances: random.Random) -> Original:
    user, order = f"u-{person}", {"order_id": f"gap-{person}"}
    # What ends something has happened after it; a purchase tells when somebody was here, and is never old.
    at = now - timedelta(hours=1) + timedelta(seconds=place)
    late = at - LATE if chances.random() < LATE_SHARE else at
    if place == 0:
        return Original(user, f"{user}-{place}", "Order Refunded", late, order)
    if place == 1 and person % 2:
        return Original(user, f"{user}-{place}", "Order Cancelled", at, order)
    if place == 2 and person % 10 == 0:
        bought = {"order_id": f"o-{person}", "value": f"{person % 90 + 10}.50", "currency": "EUR"}
        return Original(user, f"{user}-{place}", "Order Completed", at, bought)
    return Original(user, f"{user}-{place}", "Level Up", late, {"level": place})


def postings(said: list[Original], chances: random.Random) -> list[Copy]:
    """One to five copies of each, and of some one more with another body, in any order."""
    copies = [Copy(each) for each in said for _ in range(chances.randint(1, 5))]
    copies += [Copy(each, is_other=True) for each in said if chances.random() < OTHER_SHARE]
    chances.shuffle(copies)
    return copies


def bought(said: list[Original]) -> Iterator[tuple[str, tuple[int, Decimal]]]:
    """What each person has bought: orders, and what they came to."""
    for each in said:
        if each.name == "Order Completed":
            yield each.user, (1, Decimal(each.properties["value"]))


def waiting(said: list[Original]) -> set[str]:
    """Whose quiet phase is still open: who was refunded, and it was not called off; told a month late it opens nothing."""
    newest = max(each.at for each in said)
    refunded = {each.user for each in said if each.name == "Order Refunded" and each.at > newest - LATE / 2}
    return refunded - {each.user for each in said if each.name == "Order Cancelled"}
