"""How any journey runs as a durable Temporal workflow: one dynamic workflow that imports the journey it is named after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from events import Event

    from .asked import Asked
    from .clock import zone_of
    from .definition import Journey, journey_of
    from .errands import Ended, NotQuiet
    from .inbox import Inbox, written
    from .input import Carried, JourneyInput
    from .journal import Journal
    from .library import journey_module
    from .pausing import PAUSED, Pausing
    from .story import Story
    from .traveller import Traveller
    from .user import User
    from .waiting import ContinueLater


ENDINGS = {"went to its end": "completed", "ended by": "goal", "stopped by": "stopped", "cancelled": "cancelled"}


@workflow.defn(dynamic=True)
class Host:
    """One person's walk through the journey that the workflow type names."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        payload = workflow.payload_converter().from_payload(args[0].payload, dict)
        given = JourneyInput.model_validate(payload)
        carried, self._event = given.carried, given.start_event()
        zone = zone_of(carried.zone or self._event.context.location.zone)
        self._inbox = Inbox([*carried.seen, given.entry], carried.waiting)
        self._journal = Journal(carried.journal)
        self._story = Story(zone, carried.lines, carried.sent, carried.not_sent)
        self._pausing = Pausing(given, self._story)
        self._skips_quiet = carried.skips_quiet
        # What has been read is not held once more as JSON: thousands of runs wait in one worker.
        self._input = given.model_copy(
            update={"event": {}, "carried": Carried(begun=carried.begun, over_at=carried.over_at)}
        )
        self._journey: Journey[Event] | None = None
        self._traveller: Traveller | None = None
        self._walking: asyncio.Task[None] | None = None
        self._ended: str | None = None

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> dict[str, Any]:
        if (reason := workflow.cancellation_reason()) is not None:
            return self._account(_in_words(reason))
        name = workflow.info().workflow_type
        journey = self._journey = journey_of(journey_module(name), name)
        self._story.title, self._pausing.rule = journey.summary, journey.when_resumed
        traveller = self._traveller = Traveller(
            journey, self._input, self._event, self._inbox, self._journal, self._story, self._pausing
        )
        traveller.errands.skips_quiet = self._skips_quiet
        self._notice(self._inbox.waiting)
        if self._ended is not None:
            return self._account(self._ended)
        self._walking = asyncio.ensure_future(self._walk(journey, traveller))
        try:
            await self._walking
        except asyncio.CancelledError:
            return self._account(self._ended_words())
        except Ended as ended:
            return self._account(ended.outcome)
        except NotQuiet as prolonged:
            delay = timedelta(0) if traveller.errands.skips_quiet else prolonged.delay
            return self._go_on(traveller, prolonged.event, delay)
        except ContinueLater:
            return self._go_on(traveller, written(self._event), timedelta(0))
        return self._account("went to its end")

    @workflow.signal(
        name="event", description="Tell the journey that something happened: JSON as in the guide, one event or a list."
    )
    def event(self, payload: Any) -> None:
        """Take in events. Never raises: a signal that cannot be read is recorded, not fatal."""
        self._notice(self._inbox.put(payload))
        for name in self._inbox.refused:
            self._story.tell(f"a signal could not be read as an event ({name})")
        self._inbox.refused.clear()

    @workflow.update(
        name="skip", description='Skip the wait it is in, and go on with the next step: {"reason": "…", "by": "…"}.'
    )
    async def skip(self, asked: Any = "", by: Any = "") -> str:
        """End the current wait at once."""
        word = Asked.read(asked, by)
        if self._traveller is None or not self._traveller.errands.begun:
            self._skips_quiet = True
            if self._traveller is not None:
                self._traveller.errands.skips_quiet = True
            self._story.tell(f"the quiet phase was skipped by {word}")
            return "Skipped the quiet phase: the journey begins now."
        if not (skipped := self._traveller.waiting.skip()):
            return "It is paused: resume it." if self._pausing.words else "Nothing is being waited for."
        self._story.tell(f"{skipped}: skipped by {word}")
        return f"Skipped: {skipped}."

    @workflow.update(name="stop", description='End the journey for this person now: {"reason": "…", "by": "…"}.')
    async def stop(self, asked: Any = "", by: Any = "") -> str:
        """End the journey; what has been sent stays sent."""
        self._end(f"stopped by {Asked.read(asked, by)}")
        return "Stopped."

    @workflow.update(
        name="pause", description='Send nothing until it is resumed; waits run out: {"reason": "…", "by": "…"}.'
    )
    async def pause(self, asked: Any = "", by: Any = "") -> str:
        """Hold back messages; everything else goes on."""
        self._pausing.pause(Asked.read(asked, by))
        return "Paused: nothing is sent until it is resumed."

    @workflow.update(
        name="resume", description='Send again, and what was due as the journey declares: {"reason": "…", "by": "…"}.'
    )
    async def resume(self, asked: Any = "", by: Any = "") -> str:
        """Let messages go again."""
        word = Asked.read(asked, by)
        if not self._pausing.words:
            return "It is not paused."
        self._pausing.resume(word)
        return "Resumed."

    @skip.validator
    @stop.validator
    @pause.validator
    @resume.validator
    def _readable(self, asked: Any = "", by: Any = "") -> None:
        """Refuse, before anything is recorded, what is no reason and no name."""
        Asked.read(asked, by)

    async def _walk(self, journey: Journey[Event], traveller: Traveller) -> None:
        try:
            await journey.function(self._user(traveller), self._event)
            await traveller.errands.begin()  # A journey of no verbs still must not act on a cart that is being filled.
        except ContinueLater:
            # The SDK hands out signals before a cancel that came in the same task; a tick later it has come to light.
            await workflow.sleep(timedelta(milliseconds=1), summary="going on in a new run: the history has grown long")
            raise

    def _user(self, traveller: Traveller) -> User:
        """What the journey's function is given; a rehearsal looks over its shoulder."""
        return traveller

    def _notice(self, events: Sequence[Event]) -> None:
        """See whether one of these is a goal. Signals that came before the first line of `run` are looked at by it."""
        if self._journey is None or self._traveller is None:
            return
        begun = self._traveller.errands.begun
        own = self._journey.start_names if self._journey.quiet and not begun else frozenset[str]()
        for event in events:
            self._traveller.see(event)
            if event.event_name not in own and self._journey.is_goal(event, self._input.key):
                self._end(f"ended by {event.event_name} ({event.event_id})")
                return

    def _end(self, outcome: str) -> None:
        if self._ended is None:
            self._ended = outcome
        if self._walking is not None:
            self._walking.cancel()

    def _ended_words(self) -> str:
        return self._ended if self._ended is not None else _in_words(workflow.cancellation_reason() or "")

    def _account(self, outcome: str) -> dict[str, Any]:
        self._story.tell(outcome)
        meter = workflow.metric_meter()  # counts nothing while a history is replayed
        closed = meter.create_counter("journeyman_journeys_closed", "Journeys that are over, by how they ended.")
        closed.add(1, {"journey": workflow.info().workflow_type, "outcome": _ending(outcome)})
        return self._story.result(outcome, [event.event_id for event in self._inbox.waiting])

    def _go_on(self, traveller: Traveller, event: dict[str, Any], delay: timedelta) -> dict[str, Any]:
        """Continue as new, unless the run was ended in this very task: that would be lost with the run that continues."""
        if (reason := workflow.cancellation_reason()) is not None:
            return self._account(_in_words(reason))
        if self._ended is not None:
            return self._account(self._ended)
        begun = traveller.errands.begun
        kept = Carried(
            **self._inbox.carried(),
            **self._story.carried(),
            # A journey that has not begun will want its first message anew, at that time.
            journal=tuple(self._journal.records) if begun else (),
            zone=self._story.zone.key,
            begun=begun,
            skips_quiet=traveller.errands.skips_quiet,
            over_at=traveller.waiting.over_at if begun else None,
            paused=self._pausing.words,
        )
        given = self._input.model_copy(update={"event": event, "carried": kept}).written()
        return workflow.continue_as_new(args=[given], backoff_start_interval=delay or None, memo=self._memo())

    def _memo(self) -> dict[str, Any] | None:
        """What is known of a run that cannot be asked, as one that is delayed cannot; None where nothing has changed."""
        known = workflow.memo()
        told = {name: value for name, value in known.items() if name != PAUSED}
        if self._pausing.words:
            told[PAUSED] = self._pausing.words
        return told if told != known else None


def _ending(outcome: str) -> str:
    """The kind of end, for statistics: without the event, the person or the reason that its words name."""
    for beginning, kind in ENDINGS.items():
        if outcome.startswith(beginning):
            return kind
    return "withdrawn"


def _in_words(reason: str) -> str:
    if reason.startswith("goal: "):
        return f"ended by {reason.removeprefix('goal: ')}"
    return f"cancelled: {reason}" if reason else "cancelled"
