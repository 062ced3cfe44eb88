"""A shop of some years as the rows of its database: people who were drawn, entered, were written to, and bought."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.prepared import Prepared
from storage.tables import assignments, deliveries, entries, events, sends
from workflows.catalogue import Catalogue
from workflows.variants import HELD, HOLDOUT, LET_IN

HELD_OUT = 10.0
"""Percent of everybody."""
EACH = 2.75
"""Messages of one person, on average."""
AT_ONCE = 2000
"""People in one transaction."""
BUYS = (0.05, 0.06)
"""How often somebody buys within a week who was held out, and who was let in."""


def columns(table: Table, *left_out: str) -> list[str]:
    """Those of the table that are written."""
    return [column.name for column in table.columns if column.name not in left_out]


WRITTEN: dict[Table, list[str]] = {
    events: columns(events),
    entries: columns(entries, "id"),
    assignments: columns(assignments),
    sends: columns(sends),
    deliveries: columns(deliveries),
}
INSERTS = {
    table: Prepared(lambda dialect, table=table: insert(table), names)  # type: ignore[misc]
    for table, names in WRITTEN.items()
}


@dataclass
class Rows:
    """What one transaction writes."""

    seq: int
    found: dict[Table, list[dict[str, Any]]] = field(default_factory=lambda: {table: [] for table in WRITTEN})

    def event(self, user: str, name: str, at: datetime, **properties: Any) -> int:
        """One more event; returns its place."""
        self.seq += 1
        self.found[events].append(
            {
                "seq": self.seq,
                "event_id": f"e-{self.seq}",
                "digest": "",
                "user_id": user,
                "anonymous_id": None,
                "name": name,
                "occurred_at": at,
                "received_at": at,
                "properties": properties,
                "context": {},
            }
        )
        return self.seq

    def entry(
        self, journey: str, user: str, key: str, seq: int, at: datetime, *, held: bool, arms: dict[str, str]
    ) -> None:
        """One more pass."""
        self.found[entries].append(
            {
                "journey": journey,
                "user_id": user,
                "key": key,
                "event_id": f"e-{seq}",
                "seq": seq,
                "entered_at": at,
                "state": "holdout" if held else "started",
                "moved_at": at,
                "reason": None,
                "arms": {} if held else arms,
            }
        )

    def letter(self, journey: str, user: str, key: str, seq: int, at: datetime, chance: random.Random) -> None:
        """One more message, and what became of it."""
        self.seq += 1
        status = "accepted" if chance.random() < 0.9 else "withheld"
        self.found[sends].append(
            {
                **dict.fromkeys(WRITTEN[sends]),
                "send_key": f"{self.seq:064x}",
                "step_key": f"{self.seq:064x}",
                "user_id": user,
                "journey": journey,
                "key": key,
                "entry_id": f"e-{seq}",
                "step": "email cart/still_here #1",
                "channel": "email",
                "template": "cart/still_here",
                "topic": "carts",
                "kind": "marketing",
                "status": status,
                "reason": None if status == "accepted" else chance.choice(["cap: 5 a week rolling", "email: unsubscribed or suppressed"]),
                "provider": "sendgrid",
                "at": at,
                "machine_at": at,
                "fence": 1,
                "resent": False,
                "priority": 3,
                "took_ms": int(chance.expovariate(1 / 30)) if journey == "onboarding" else None,
            }
        )  # fmt: skip
        if status == "accepted":
            words = [
                "delivered",
                *(["open"] if chance.random() < 0.3 else []),
                *(["click"] if chance.random() < 0.05 else []),
            ]
            self.found[deliveries] += [
                {
                    "id": f"{word}-{self.seq}",
                    "send_key": f"{self.seq:064x}",
                    "event": word,
                    "by_machine": False,
                    "at": at + timedelta(minutes=5),
                    "received_at": at + timedelta(minutes=5),
                }
                for word in words
            ]


def holding(catalogue: Catalogue) -> Catalogue:
    """The same journeys, each with a holdout."""
    return Catalogue([replace(each, journey=replace(each.journey, holdout=HELD_OUT)) for each in catalogue])


async def fill(database: Database, people: int, now: datetime, done: Callable[[int], None], days: int) -> None:
    """Write so many people, who came evenly over the last `days` before `now`; `done` is told how many there are."""
    chance, seq = random.Random(7), 0
    for start in range(0, people, AT_ONCE):
        rows = Rows(seq)
        for number in range(start, min(start + AT_ONCE, people)):
            _person(rows, f"u-{number}", now - timedelta(days=days * (1 - number / people)), chance)
        async with database.write() as connection:
            for table, found in rows.found.items():
                await _insert(connection, table, found)
        seq = rows.seq
        done(min(start + AT_ONCE, people))


async def _insert(connection: AsyncConnection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    if wanted := list(rows):
        await INSERTS[table].run(connection, wanted)


def _person(rows: Rows, user: str, at: datetime, chance: random.Random) -> None:
    """Signs up, looks around, leaves a cart, and buys or does not."""
    held = {
        journey: chance.random() * 100 < HELD_OUT for journey in ("onboarding", "cart_abandonment", "post_purchase")
    }
    for journey, is_held in held.items():
        arm = HELD if is_held else LET_IN
        name = f"{HOLDOUT}/{journey}"
        rows.found[assignments].append({"user_id": user, "experiment": name, "arm": arm, "at": at})
    began = rows.event(user, "Signed Up", at)
    rows.entry("onboarding", user, "", began, at, held=held["onboarding"], arms={})
    if not held["onboarding"]:
        rows.letter("onboarding", user, "", began, at, chance)
    for _ in range(chance.randrange(3, 13)):
        rows.event(user, chance.choice(["Page Viewed", "Product Viewed"]), at + timedelta(hours=chance.random() * 200))
    cart, left = f"c-{user}", at + timedelta(hours=2)
    began = rows.event(user, "Cart Updated", left, cart_id=cart, value="59.90", currency="EUR")
    arms = {"cart subject": chance.choice(["name", "product"])}
    rows.entry("cart_abandonment", user, cart, began, left, held=held["cart_abandonment"], arms=arms)
    if not held["cart_abandonment"]:
        for hour in (1, 25):
            rows.letter("cart_abandonment", user, cart, began, left + timedelta(hours=hour), chance)
    if chance.random() < BUYS[not held["cart_abandonment"]]:
        bought = left + timedelta(hours=1 + chance.random() * 160)
        value = f"{chance.lognormvariate(4, 0.7):.2f}"
        began = rows.event(user, "Order Completed", bought, order_id=f"o-{user}", value=value, currency="EUR")
        rows.entry("post_purchase", user, f"o-{user}", began, bought, held=held["post_purchase"], arms={})
        if not held["post_purchase"]:
            rows.letter("post_purchase", user, f"o-{user}", began, bought + timedelta(hours=1), chance)
    if chance.random() < 0.01:
        rows.event(user, "Unsubscribed", left + timedelta(hours=30), topic="carts")
