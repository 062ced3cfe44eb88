"""One cart, its touches and its purchase, in an order drawn from a seed; and what must have come of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert

from activities.channels.envelope import Envelope
from activities.send import Sender
from errors import InDoubt, NeverSent, Refused, TryLater
from events import CartUpdated, Event, OrderCompleted
from profiles.person import Person
from storage.people import lock_people, write_people
from storage.runs import Place, run_at
from storage.tables import events
from tests.driver import Job, Run, cancelled, perform, signalled
from tests.turns import TurnByTurn, Turns
from workflows.inbox import written

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REMINDERS = ("cart/still_here", "cart/last_call")


@dataclass
class Mail:
    """The provider: notes what it is given, lets others have their turns, and answers as the seed says."""

    random: Random
    turns: Turns
    name: str = "drawn"
    claims: list[tuple[str, int]] = field(default_factory=list)
    """Template of each message handed over, and how many transactions had been committed when it was claimed."""
    accepted: Counter[str] = field(default_factory=Counter)

    async def send(self, envelope: Envelope) -> str:
        self.claims.append((envelope.template, self.turns.commits))
        await self.turns.turn()
        answer = self.random.choices(("accepted", "in doubt", "never sent", "later", "refused"), (70, 10, 8, 8, 4))[0]
        if answer == "accepted" or (answer == "in doubt" and self.random.random() < 0.5):
            self.accepted[envelope.template] += 1
        match answer:
            case "in doubt":
                raise InDoubt("the answer was lost")
            case "never sent":
                raise NeverSent("no connection")
            case "later":
                raise TryLater("over the rate", timedelta(seconds=5))
            case "refused":
                raise Refused("no such mailbox")
        return "id"


class Interleaving:
    """One person with one cart. The journey, the relay and the shop take turns, one transaction or message each."""

    def __init__(self, seed: str, database: TurnByTurn) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.turns = Turns(self.random)
        self.mail = Mail(self.random, self.turns)
        self.database = database
        self.bought_at = self.closed_at = 2**31
        """Transactions committed when the purchase was in, and when the run had closed."""
        self._undelivered: list[Event] = []
        self._before_begin: list[Job] = []
        self._run: Run

    async def play(self, sender: Sender) -> None:
        """Let all of it happen."""
        entry = self._cart("entry", timedelta(0))
        touches = self.random.choices((0, 1, 2), (60, 30, 10))[0]
        purchase = self.random.choices(("this", "all", "other", "none"), (65, 12, 8, 15))[0]
        self.database.turns = self.turns
        self.turns.enter(self._journey(sender, entry))
        for number in range(touches):
            self.turns.enter(self._happens(self._cart(f"touch-{number}", timedelta(minutes=20 * number + 10))))
        if purchase != "none":
            cart_id = {"this": "c", "all": None, "other": "c-2"}[purchase]
            bought = OrderCompleted(
                event_id=f"{self.seed}-bought", occurred_at=NOON + HOUR, cart_id=cart_id, order_id="o"
            )
            self.turns.enter(self._happens(bought, is_goal=purchase != "other"))
        await self.turns.play()

    def wrong(self) -> list[str]:
        """What was sent against the truth: the order in which purchase and claim were committed."""
        found = [f"{template} was claimed after the purchase" for template, at in self.mail.claims if at > self.bought_at]
        found += [f"{template} went out {times} times" for template, times in self.mail.accepted.items() if times > 1]
        if self.bought_at > self.closed_at:
            claimed = {template for template, _ in self.mail.claims}
            found += [f"{template} is missing" for template in REMINDERS if template not in claimed]
        return [f"seed {self.seed}: {each}" for each in found]

    async def _journey(self, sender: Sender, entry: Event) -> None:
        """The server and the worker: wakes, timers and activities of the run and those it continues as."""
        entry = await self._accept(entry)
        given = {"user": self.seed, "key": "c", "entry": entry.event_id, "entry_seq": entry.seq, "event": written(entry)}
        self._run = run = Run("cart_abandonment", given, NOON + HOUR)
        while True:
            await self.turns.turn()
            run.begin(*self._before_begin)
            while not run.is_closed:
                await self.turns.turn()
                if run.activities:
                    await perform(sender, run, next(iter(run.activities)))
                elif run.timers:
                    run.fire()
            self._before_begin.clear()
            if run.successor is None:
                break
            self._run = run = run.successor
        self.closed_at = self.turns.commits

    async def _happens(self, event: Event, *, is_goal: bool = False) -> None:
        """Accept commits an event; the relay delivers what follows from it, in the order of acceptance."""
        event = await self._accept(event)
        if is_goal:
            self.bought_at = self.turns.commits
        self._undelivered.append(event)
        await self.turns.turn()
        while self._undelivered[0] is not event:
            await self.turns.turn()
        if is_goal:
            self._deliver(cancelled(f"goal: Order Completed ({event.event_id})"))
        elif isinstance(event, CartUpdated) and await self._has_begun_before(event):
            self._deliver(signalled([written(event)]))
        self._undelivered.remove(event)

    def _deliver(self, job: Job) -> None:
        """Hand it to the run: with its first task if it still sleeps, not at all if it has closed."""
        if self._run.is_closed:
            return
        if self._run.is_asleep:
            self._before_begin.append(job)
        else:
            self._run.activate(job)

    async def _has_begun_before(self, event: Event) -> bool:
        """What the router asks before it signals."""
        async with self.database.read() as connection:
            known = await run_at(connection, Place("cart_abandonment", self.seed, "c"))
        return known is not None and known.begun_seq is not None and event.seq > known.begun_seq

    async def _accept(self, event: Event) -> Event:
        """One transaction under the person's lock, as accept does it."""
        row: dict[str, Any] = {
            "event_id": event.event_id, "digest": "", "user_id": self.seed, "anonymous_id": None, "name": event.event_name,
            "occurred_at": event.occurred_at, "received_at": NOON, "context": {},
            "properties": event.model_dump(mode="json", exclude={"event_id", "occurred_at", "seq", "context"}),
        }  # fmt: skip
        async with self.database.write() as connection:
            await lock_people(self.database, connection, [self.seed], NOON)
            seq = (await connection.execute(insert(events).values(row).returning(events.c.seq))).scalar_one()
            if event.event_id.endswith("entry"):
                known = Person(self.seed, NOON, traits={"email": "a@example.com"})
                await write_people(self.database, connection, [known])
        return event.model_copy(update={"seq": seq})

    def _cart(self, name: str, after: timedelta) -> CartUpdated:
        return CartUpdated.model_validate(
            {"event_id": f"{self.seed}-{name}", "occurred_at": NOON + after, "cart_id": "c", "value": "59.90", "currency": "EUR"}
        )
