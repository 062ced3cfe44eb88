"""One cart, its touches and its purchase, in an order drawn from a seed; and what must have come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert, select

from activities.channels.envelope import Envelope
from activities.send import Sender
from errors import InDoubt, NeverSent, Refused, TryLater
from events import CartUpdated, Event, OrderCompleted
from profiles.person import Person
from rehearsal.performing import perform
from rehearsal.run import Job, Run, cancelled, signalled
from storage.people import write_people
from storage.runs import Place, run_at
from storage.tables import events
from tests.turns import TurnByTurn, Turns
from workflows.inbox import written

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSERT = insert(events).returning(events.c.seq)
REMINDERS = ("cart/still_here", "cart/last_call")


class Mail:
    """The provider: tells the interleaving at hand what it is given, lets others have their turns, and answers as drawn."""

    name = "drawn"
    of: Interleaving

    async def send(self, envelope: Envelope) -> str:
        at, random = self.of, self.of.random
        at.claims.append((envelope.template, at.turns.commits))
        await at.turns.turn()
        answer = random.choices(("accepted", "in doubt", "never sent", "later", "refused"), (76, 10, 5, 5, 4))[0]
        if answer == "accepted" or (answer == "in doubt" and random.random() < 0.5):
            at.accepted[envelope.template] += 1
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

    def __init__(self, seed: str, database: TurnByTurn, entry: Event) -> None:
        self.seed = seed
        self.entry = entry
        self.random = Random(seed)
        self.turns = Turns(self.random)
        self.database = database
        self.claims: list[tuple[str, int]] = []
        """Template of each message handed over, and how many transactions had been committed when it was claimed."""
        self.accepted: Counter[str] = Counter()
        self.bought_at = self.closed_at = 2**31
        """Transactions committed when the purchase was in, and when the run had closed."""
        self._undelivered: list[Event] = []
        self._before_begin: list[Job] = []
        self._run: Run

    async def play(self, sender: Sender, mail: Mail) -> None:
        """Let all of it happen."""
        self.database.turns, mail.of = self.turns, self
        self.turns.enter(self._journey(sender))
        touches = self.random.choices((0, 1, 2), (60, 30, 10))[0]
        purchase = self.random.choices(("this", "all", "other", "none"), (70, 12, 6, 12))[0]
        for number in range(touches):
            self.turns.enter(self._happens(self._cart(f"touch-{number}", timedelta(minutes=20 * number + 10))))
        if purchase != "none":
            cart_id = {"this": "c", "all": None, "other": "c-2"}[purchase]
            bought = OrderCompleted(
                event_id=f"{self.seed}-bought", occurred_at=NOON + HOUR, cart_id=cart_id, order_id="o"
            )
            self.turns.enter(self._happens(bought, is_goal=purchase != "other"))
        try:
            await self.turns.play()
        except Exception as error:
            error.add_note(f"seed {self.seed}")
            raise

    def wrong(self) -> list[str]:
        """What was sent against the truth: the order in which purchase and claim were committed."""
        found = [f"{template} was claimed after the purchase" for template, at in self.claims if at > self.bought_at]
        found += [f"{template} went out {times} times" for template, times in self.accepted.items() if times > 1]
        if self.bought_at > self.closed_at:
            claimed = {template for template, _ in self.claims}
            found += [f"{template} is missing" for template in REMINDERS if template not in claimed]
        return [f"seed {self.seed}: {each}" for each in found]

    async def _journey(self, sender: Sender) -> None:
        """The server and the worker: wakes, timers and activities of the run and those it continues as."""
        entry = self.entry
        given = {
            "user": self.seed,
            "key": "c",
            "entry": entry.event_id,
            "entry_seq": entry.seq,
            "event": written(entry),
        }
        self._run = run = Run("cart_abandonment", given, NOON + HOUR)
        while True:
            await self.turns.turn()
            run.begin(*self._before_begin)
            self._before_begin.clear()
            while not run.is_closed:
                await self.turns.turn()
                if run.activities:
                    await perform(sender, run, next(iter(run.activities)))
                elif run.timers:
                    run.fire()
            if run.successor is None:
                break
            self._run = run = run.successor
        self.closed_at = self.turns.commits

    async def _happens(self, event: Event, *, is_goal: bool = False) -> None:
        """Accept commits an event; the relay delivers what follows from it, in the order of acceptance."""
        for _ in range(self.random.randrange(10)):
            await self.turns.turn()
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
        async with self.database.write() as connection:
            await self.database.lock(connection, [self.seed])
            seq = (await connection.execute(INSERT, [_row(self.seed, event)])).scalar_one()
        return event.model_copy(update={"seq": seq})

    def _cart(self, name: str, after: timedelta) -> CartUpdated:
        return _cart(f"{self.seed}-{name}", after)


async def entered(database: TurnByTurn, seeds: Iterable[str]) -> list[Interleaving]:
    """Commit the persons and their carts; their journeys are about to begin."""
    carts = {seed: _cart(f"{seed}-entry", timedelta(0)) for seed in seeds}
    known = [Person(seed, NOON, traits={"email": "a@example.com"}) for seed in carts]
    async with database.write() as connection:
        await write_people(database, connection, known)
        rows = [_row(seed, cart) for seed, cart in carts.items()]
        await connection.execute(insert(events), rows)
        found = await connection.execute(
            select(events.c.user_id, events.c.seq).where(events.c.user_id.in_(list(carts)))
        )
        seqs = {row.user_id: row.seq for row in found}
    return [Interleaving(seed, database, cart.model_copy(update={"seq": seqs[seed]})) for seed, cart in carts.items()]


def _cart(event_id: str, after: timedelta) -> CartUpdated:
    given = {"event_id": event_id, "occurred_at": NOON + after, "cart_id": "c", "value": "59.90", "currency": "EUR"}
    return CartUpdated.model_validate(given)


def _row(user_id: str, event: Event) -> dict[str, Any]:
    properties = event.model_dump(mode="json", exclude={"event_id", "occurred_at", "seq", "context"})
    return {
        "event_id": event.event_id, "digest": "", "user_id": user_id, "anonymous_id": None, "name": event.event_name,
        "occurred_at": event.occurred_at, "received_at": NOON, "properties": properties, "context": {},
    }  # fmt: skip
