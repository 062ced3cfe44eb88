"""How each verb of a journey is done on Temporal, and how its answers survive a run that continues as new."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from events import DateChanged, Device, Event, Location, StoreDistance, ZoneChanged
from messages import FirstOf, Message

from . import clock
from .definition import Journey
from .inbox import Inbox, read_event, written
from .input import Carried, JourneyInput
from .journal import Journal, Record
from .requests import BEGIN, PROFILE, SEND, Answer, MessageRequest, Pass, SendRequest, requested, step_name
from .story import Story
from .user import Dated, Outcome, Profile, Unusable, Weekday

EVENTS_BEFORE_CONTINUING = 4_000
PATIENCE = timedelta(minutes=15)
"""How long an `unknown` message waits for its provider's word before it is settled by its policy."""
GIVE_UP = timedelta(days=3)
"""How long a message is offered to a provider that cannot be reached."""
RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=5)
)


class Ended(BaseException):
    """The journey is over for a reason that its code need not know; not an Exception, so that no journey swallows it."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class NotQuiet(BaseException):
    """The person acted again; begin with this event after this delay."""

    def __init__(self, event: dict[str, Any], delay: timedelta) -> None:
        super().__init__(delay)
        self.event = event
        self.delay = delay


class ContinueLater(BaseException):
    """The history has grown long; go on in a new run from the same verb."""


class Traveller:
    """The user of a journey, on Temporal. Each verb writes its answer to `journal`; a new run reads them from there."""

    def __init__(self, journey: Journey[Event] | None, given: JourneyInput, inbox: Inbox, story: Story) -> None:
        self._journey = journey
        # The start event is held as what it is, not once more as JSON: thousands of runs wait in one worker.
        self.given = given.model_copy(update={"event": {}, "carried": Carried()})
        self._inbox = inbox
        self._story = story
        self.event = given.start_event()
        self.begun = given.carried.begun or journey is None or journey.quiet is None
        self.journal = Journal(given.carried.journal)
        self._newest = self._told = self.event
        self.zone: ZoneInfo = clock.zone_of(given.carried.zone or self.event.context.location.zone)
        self._steps: Counter[str] = Counter()
        self.skips_quiet = False
        self.waiting_for = ""
        self._skipped = ""
        self._behind = bool(self.journal.records)
        if not self._behind:
            self._catch_up()

    # ── what is known without asking ──

    @property
    def id(self) -> str:
        return self.given.user

    @property
    def device(self) -> Device:
        return self._newest.context.device

    @property
    def location(self) -> Location:
        return self._newest.context.location

    def near_store(self, km: float) -> StoreDistance | None:
        near = (store for store in self.location.stores if store.distance <= km and store.accuracy <= km)
        return min(near, key=lambda store: store.distance, default=None)

    def variant(self, experiment: str, /, **arms: int) -> str:
        place = int.from_bytes(hashlib.sha256(f"{experiment}/{self.id}".encode()).digest()[:8]) % sum(arms.values())
        for arm, weight in arms.items():
            if place < weight:
                return arm
            place -= weight
        raise ValueError(f"{experiment}: give at least one arm a weight above zero.")

    def now(self) -> datetime:
        return (self.journal.at or workflow.now()).astimezone(self.zone)

    def see(self, event: Event) -> None:
        """Take the context of an event that has reached the run, if it is the newest."""
        if event.seq >= self._newest.seq or event.seq == 0:
            self._newest = event
        if isinstance(event, ZoneChanged) and event.context.location.zone:
            self.zone = clock.zone_of(event.context.location.zone)

    def skip(self, text: str) -> None:
        """Let the current wait be over."""
        self._skipped = text

    def tell(self, text: str) -> None:
        """Add a line to the account, and show it in the web UI."""
        self._story.tell(workflow.now(), self.zone, text)
        self._show()

    # ── the verbs ──

    async def sleep(self, duration: timedelta, /) -> None:
        await self._begun()
        if not self._answered("sleep"):
            until = self.journal.deadline(workflow.now() + duration)
            await self._wait(lambda: until, f"sleep {clock.spoken(duration)}")
            self._answer()

    async def until(
        self,
        moment: time | date | datetime | str | Dated | None,
        /,
        *,
        weekdays: tuple[Weekday, ...] = (),
        unusable: Unusable = "skip",
    ) -> bool:
        await self._begun()
        if (record := self._answered("until")) is not None:
            return bool(record["usable"])
        # What it waits for may move, and is then counted from that moment: a date that has moved into the past is past.
        since, current, zone = self.journal.deadline(workflow.now()), moment, self.zone
        if (moved := self.journal.noted().get("moved")) is not None and isinstance(moment, Dated):
            current = Dated(trait=moment.trait, date=moved["date"])

        def due() -> datetime | None:
            nonlocal since, current, zone
            while isinstance(current, Dated) and (change := self._changed(current.trait)) is not None:
                current, since = Dated(trait=current.trait, date=change.date), workflow.now()
                self.journal.noted().update(moved={"date": change.date}, deadline=since.isoformat())
            if self.zone.key != zone.key:
                zone, since = self.zone, workflow.now()
                self.journal.noted().update(deadline=since.isoformat())
            if isinstance(current, time):
                return clock.next_local(since, current, zone, weekdays)
            instant = clock.moment_of(current.date if isinstance(current, Dated) else current, zone)
            return instant if instant is not None and since <= instant <= since + clock.LONGEST else None

        usable = due() is not None
        if usable:
            words = f"until {moment:%H:%M}" if isinstance(moment, time) else "until the date"
            usable = await self._wait(due, words)
        if not usable:
            self.tell(f"the date to wait for is missing, past or too far away; declared for that: {unusable}")
            if unusable == "end":
                raise Ended("ended: the date to wait for cannot be used")
        self._answer(usable=usable or unusable == "now")
        return usable or unusable == "now"

    async def wait_for(self, *kinds: type[Event], within: timedelta) -> Any:
        await self._begun()
        if (record := self._answered("wait_for")) is not None:
            return read_event(record["event"]) if record.get("event") else None
        until = self.journal.deadline(workflow.now() + within)
        taken = self._inbox.take(kinds)
        if taken is None:
            names = " or ".join(kind.event_name or kind.__name__ for kind in kinds)

            def look() -> bool:
                nonlocal taken
                taken = taken or self._inbox.take(kinds)
                return taken is not None

            await self._wait(lambda: until, f"wait for {names}, at most {clock.spoken(within)}", look)
        self._answer(event=None if taken is None else written(taken))
        self.tell(f"{taken.event_name} came" if taken else "it did not come")
        return taken

    async def send(self, message: Message | FirstOf, /) -> Outcome:
        messages = requested(message)
        step = step_name(messages)
        self._steps[step] += 1
        if (record := self._answered("send")) is not None:
            return Outcome.model_validate(record["outcome"])
        doubted = False
        while True:
            try:
                answer = await self._call(SEND, step, self._request(step, messages))
            except ActivityError:
                answer = Answer(status="refused", reason=f"no provider took it for {clock.spoken(GIVE_UP)}")
            if answer.status == "held" and answer.until is not None:
                until, self.zone = answer.until, clock.zone_of(answer.zone or self.zone.key)
                self.tell(f"{step} held until {clock.shown(until, self.zone)}: {answer.reason}")
                await self._wait(_at(until), f"held until {clock.shown(until, self.zone)}: {answer.reason}")
            elif answer.status == "unknown" and answer.until is not None and not doubted:
                doubted, until = True, answer.until
                self.tell(f"{step}: the provider's answer was lost; asking again in {clock.spoken(PATIENCE)}")
                await self._wait(_at(until), f"{step}: waiting for the provider's word")
            else:
                break
        outcome = Outcome(status=_final(answer), channel=answer.channel, reason=answer.reason)
        self._answer(outcome=outcome.model_dump(mode="json"))
        self._record(step, outcome)
        return outcome

    async def profile(self) -> Profile:
        await self._begun()
        if (record := self._answered("profile")) is not None:
            return Profile.model_validate(record["profile"])
        found = await self._activity(PROFILE, "profile", _plain(self._pass()), dict)
        self._answer(profile=found)
        return Profile.model_validate(found)

    async def begin(self) -> None:
        """Have the quiet condition judged, if no verb has done it."""
        if not self.begun:
            await self._call(BEGIN, "begin", _plain(self._pass()))

    # ── how they are done ──

    _begun = begin

    def _pass(self) -> Pass:
        info = workflow.info()
        return Pass(
            user=self.id,
            journey=info.workflow_type,
            key=self.given.key,
            entry=self.given.entry,
            entry_seq=self.given.entry_seq,
            event=self.event.event_id,
            event_seq=self.event.seq,
            first_run=info.first_execution_run_id,
            quiet=not self.begun,
            skips_quiet=self.skips_quiet,
        )

    def _request(self, step: str, messages: tuple[MessageRequest, ...]) -> dict[str, Any]:
        return _plain(SendRequest(walk=self._pass(), step=step, occurrence=self._steps[step], messages=messages))

    async def _call(self, activity: str, step: str, request: dict[str, Any]) -> Answer:
        answer = Answer.model_validate(await self._activity(activity, step, request, dict))
        if answer.status == "not_quiet" and answer.event is not None and answer.until is not None:
            same = answer.event.get("event_id") == self.event.event_id
            self.tell(
                "woken before the quiet was over" if same else "the person was active again; the quiet begins anew"
            )
            raise NotQuiet(answer.event, max(answer.until - workflow.now(), timedelta(0)))
        if answer.status == "ended":
            raise Ended(answer.reason)
        if not self.begun:
            self.begun = True
            quiet = self._journey.quiet if self._journey else None
            self.tell(f"began, after {clock.spoken(quiet)} of quiet" if quiet else "began")
        return answer

    async def _activity(self, name: str, step: str, request: dict[str, Any], result: type[Any]) -> Any:
        again = f" #{self._steps[step]}" if name == SEND and self._steps[step] > 1 else ""
        handle = workflow.start_activity(
            name,
            request,
            result_type=result,
            start_to_close_timeout=timedelta(seconds=30),
            schedule_to_close_timeout=GIVE_UP if name == SEND else None,
            retry_policy=RETRIES,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{step.replace('|', ' or ')}{again}",
        )
        try:
            return await asyncio.shield(handle)
        except asyncio.CancelledError:
            # An attempt under way may already be with the provider: its outcome is recorded before the run ends.
            # One that only waits for its next try is called off.
            handle.cancel()
            if name == SEND:
                await self._record_late(handle, step)
            raise

    async def _record_late(self, handle: workflow.ActivityHandle[Any], step: str) -> None:
        try:
            answer = Answer.model_validate(await handle)
        except (ActivityError, asyncio.CancelledError):
            return
        if answer.status not in ("held", "not_quiet", "ended", "begun"):
            self._record(step, Outcome(status=_final(answer), channel=answer.channel, reason=answer.reason))

    async def _wait(
        self, due: Callable[[], datetime | None], words: str, ready: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait until `due` (which may move), `ready`, or a skip; False if `due` has become unusable."""
        self.waiting_for, self._skipped = words, ""
        try:
            while not ready() and not self._skipped:
                instant = due()
                if instant is None:
                    return False
                if (left := instant - workflow.now()) <= timedelta(0):
                    break
                moment = clock.shown(instant, self.zone)
                when = moment if words.startswith("until") else f"until {moment}"
                self._story.awaiting = words if moment in words else f"{words} ({when})"
                self._show()
                if self._is_long():
                    raise ContinueLater
                await self._pause(left, words, instant, due, ready)
            if self._skipped:
                self.tell(self._skipped)
            return True
        finally:
            self.waiting_for = self._story.awaiting = ""

    async def _pause(
        self,
        left: timedelta,
        words: str,
        instant: datetime,
        due: Callable[[], datetime | None],
        ready: Callable[[], bool],
    ) -> None:
        """One timer, or less: until it fires, something is ready, the wait is skipped or its end moves."""

        def woken() -> bool:
            return ready() or bool(self._skipped) or due() != instant or self._is_long()

        try:
            await workflow.wait_condition(woken, timeout=left, timeout_summary=words[:200])
        except TimeoutError:
            return

    def _is_long(self) -> bool:
        info = workflow.info()
        # The server also suggests it for a history of few but large events.
        return info.get_current_history_length() > EVENTS_BEFORE_CONTINUING or info.is_continue_as_new_suggested()

    def _changed(self, trait: str) -> DateChanged | None:
        for place, event in enumerate(self._inbox.waiting):
            if isinstance(event, DateChanged) and event.trait == trait:
                self._inbox.waiting.pop(place)
                return event
        return None

    # ── what earlier runs have done ──

    def _answered(self, verb: str) -> Record | None:
        """The record of this verb if an earlier run has done it, with the person's circumstances as they were then."""
        record = self.journal.open(verb)
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
        self.journal.close(workflow.now(), **answer)

    # ── the account ──

    def _record(self, step: str, outcome: Outcome) -> None:
        line = f"{outcome.channel or step.split()[0]} {step.split()[-1]}"
        moment = clock.shown(workflow.now(), self.zone)
        if outcome.accepted:
            self._story.sent.append(f"{moment}: {line}")
        else:
            self._story.not_sent.append(f"{moment}: {line}: {outcome.status}, {outcome.reason}")
        self.tell(f"{line}: {outcome.status}" + (f", {outcome.reason}" if outcome.reason else ""))

    def _show(self) -> None:
        title = self._journey.summary if self._journey else workflow.info().workflow_type
        workflow.set_current_details(self._story.details(title))


def _final(answer: Answer) -> Any:
    return answer.status if answer.status in ("accepted", "withheld", "refused", "unknown") else "withheld"


def _at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def _plain(request: Pass | SendRequest) -> dict[str, Any]:
    """The JSON alone, so that a run which waits for an activity does not hold the same twice."""
    return request.model_dump(mode="json", exclude_defaults=True)
