"""How each verb of a journey is done on Temporal, and how its answers survive a run that continues as new."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from temporalio import workflow

from events import Context, DateChanged, Device, Event, Location, Recommended, StoreDistance, ZoneChanged
from messages import Channel, FirstOf, Message

from . import clock
from .definition import Journey
from .errands import Ended, Errands, Step
from .inbox import Inbox, read_event, written
from .input import JourneyInput
from .journal import Journal, Record
from .pausing import Pausing
from .profile import Dated, Profile
from .requests import requested, step_name
from .sending import Sending
from .story import Story
from .user import Outcome, Unusable, Weekday
from .variants import arm_of
from .waiting import Waiting, at

UNTOLD = Context()
"""The circumstances of an event that tells none, such as a provider's webhook."""


class Traveller:
    """The user of a journey, on Temporal. Each verb writes its answer to the journal; a new run reads them from there."""

    def __init__(
        self,
        journey: Journey[Event],
        given: JourneyInput,
        event: Event,
        inbox: Inbox,
        journal: Journal,
        story: Story,
        pausing: Pausing,
    ) -> None:
        self.id = given.user
        self._arms = given.arms
        self.waiting = Waiting(story, given.carried.over_at or _begins(journey, event))
        self.errands = Errands(journey, given, event, story, pausing)
        self._sending = Sending(self.errands, self.waiting, pausing, journal, story)
        self._inbox = inbox
        self._journal = journal
        self._story = story
        self._newest = self._told = event
        self._steps: Counter[str] = Counter()
        self._behind = bool(journal.records)
        if not self._behind:
            self._catch_up()

    # ── what is known without asking ──

    @property
    def device(self) -> Device:
        return self._newest.context.device

    @property
    def location(self) -> Location:
        return self._newest.context.location

    def near_store(self, km: float) -> StoreDistance | None:
        near = (store for store in self.location.stores if store.distance <= km and store.accuracy <= km)
        return min(near, key=lambda store: store.distance, default=None)

    def variant(self, experiment: str, /, *, group: str | None = None, **arms: int) -> str:
        drawn = self._arms.get(experiment)
        if drawn is None:  # a run that no relay has started
            return arm_of(experiment, self.id, arms)
        return drawn or next(iter(arms))

    def now(self) -> datetime:
        return (self._journal.at or workflow.now()).astimezone(self._story.zone)

    def see(self, event: Event) -> None:
        """Take the context of an event that has reached the run, if it is the newest and tells any."""
        if event.context != UNTOLD and (event.seq >= self._newest.seq or event.seq == 0):
            self._newest = event
        if isinstance(event, ZoneChanged) and event.context.location.zone:
            self._story.zone = clock.zone_of(event.context.location.zone)

    # ── the verbs ──

    async def sleep(self, duration: timedelta, /) -> None:
        await self.errands.begin()
        if not self._answered("sleep"):
            until = self._journal.deadline(workflow.now() + duration)
            await self.waiting.until(at(until), f"sleep {clock.spoken(duration)}")
            self._answer()

    async def until(
        self,
        moment: time | date | datetime | str | Dated | None,
        /,
        *,
        weekdays: tuple[Weekday, ...] = (),
        unusable: Unusable = "skip",
    ) -> bool:
        await self.errands.begin()
        if (record := self._answered("until")) is not None:
            return bool(record["usable"])
        # What it waits for may move, and is then counted from that moment: a date that has moved into the past is past.
        since, current, zone = self._journal.deadline(workflow.now()), moment, self._story.zone
        if (moved := self._journal.noted().get("moved")) is not None and isinstance(moment, Dated):
            current = Dated(trait=moment.trait, date=moved["date"])

        def due() -> datetime | None:
            nonlocal since, current, zone
            while isinstance(current, Dated) and (change := self._changed(current.trait)) is not None:
                current, since = Dated(trait=current.trait, date=change.date), workflow.now()
                self._journal.noted().update(moved={"date": change.date}, deadline=since.isoformat())
            if self._story.zone.key != zone.key:
                zone, since = self._story.zone, workflow.now()
                self._journal.noted().update(deadline=since.isoformat())
            if isinstance(current, time):
                return clock.next_local(since, current, zone, weekdays)
            instant = clock.moment_of(current.date if isinstance(current, Dated) else current, zone, since)
            return instant if instant is not None and since <= instant <= since + clock.LONGEST else None

        words = f"until {moment:%H:%M}" if isinstance(moment, time) else "until the date"
        usable = await self.waiting.until(due, words)
        if not usable:
            self._story.tell(f"the date to wait for is missing, past or too far away; declared for that: {unusable}")
            if unusable == "end":
                raise Ended("ended: the date to wait for cannot be used")
        self._answer(usable=usable or unusable == "now")
        return usable or unusable == "now"

    async def wait_for(self, *kinds: type[Event], within: timedelta) -> Any:
        await self.errands.begin()
        if (record := self._answered("wait_for")) is not None:
            return read_event(record["event"]) if record.get("event") else None
        until = self._journal.deadline(workflow.now() + within)
        taken = self._inbox.take(kinds)
        if taken is None:
            names = " or ".join(kind.event_name or kind.__name__ for kind in kinds)

            def look() -> bool:
                nonlocal taken
                taken = taken or self._inbox.take(kinds)
                return taken is not None

            await self.waiting.until(at(until), f"wait for {names}, at most {clock.spoken(within)}", look)
        self._answer(event=None if taken is None else written(taken))
        self._story.tell(f"{taken.event_name} came" if taken else "it did not come")
        return taken

    async def send(self, message: Message | FirstOf, /) -> Outcome:
        messages = requested(message)
        step = step_name(messages)
        self._steps[step] += 1
        if (record := self._answered("send")) is not None:
            return Outcome.model_validate(record["outcome"])
        due = self._journal.deadline(self.waiting.over_at)
        outcome = await self._sending.outcome(Step(step, self._steps[step], messages, due))
        self._answer(outcome=outcome.model_dump(mode="json"))
        self._story.record(step, outcome)
        return outcome

    async def profile(self) -> Profile:
        await self.errands.begin()
        if (record := self._answered("profile")) is not None:
            return Profile.model_validate(record["profile"])
        found = await self.errands.profile()
        self._answer(profile=found)
        return Profile.model_validate(found)

    async def recommend(self, n: int = 3, /) -> tuple[Recommended, ...]:
        await self.errands.begin()
        if (record := self._answered("recommend")) is not None:
            return _products(record["products"])
        found = await self.errands.recommended(n)
        self._answer(products=found)
        return _products(found)

    async def best_channel(self) -> Channel:
        await self.errands.begin()
        if (record := self._answered("best_channel")) is not None:
            return cast(Channel, record["channel"])
        found = await self.errands.best_channel()
        self._answer(channel=found["channel"])
        self._story.tell(f"best channel {found['channel']}: {found['reason']}")
        return cast(Channel, found["channel"])

    # ── what earlier runs have done ──

    def _answered(self, verb: str) -> Record | None:
        """The record of this verb if an earlier run has done it, with the person's circumstances as they were then."""
        record = self._journal.open(verb)
        if record is None and self._behind:
            self._catch_up()
        elif record is not None and (newest := read_event(record.get("newest"))) is not None:
            self._newest = self._told = newest
        return record

    def _catch_up(self) -> None:
        """From here on this run is the first: it knows the newest of what has arrived."""
        self._behind = False
        for waiting in self._inbox.waiting:
            self.see(waiting)

    def _answer(self, **answer: Any) -> None:
        if self._newest is not self._told:
            answer["newest"], self._told = written(self._newest), self._newest
        self._journal.close(workflow.now(), **answer)

    def _changed(self, trait: str) -> DateChanged | None:
        for place, event in enumerate(self._inbox.waiting):
            if isinstance(event, DateChanged) and event.trait == trait:
                self._inbox.waiting.pop(place)
                return event
        return None


def _products(plain: list[dict[str, Any]]) -> tuple[Recommended, ...]:
    return tuple(Recommended.model_validate(each) for each in plain)


def _begins(journey: Journey[Event], event: Event) -> datetime:
    """When the journey was to begin, however late a worker came to it: its quiet over, and its run there."""
    quiet_over = event.occurred_at + (journey.quiet or timedelta(0))
    # Not `start_time`: that is when a worker first came to it.
    return max(quiet_over, workflow.info().workflow_start_time)
