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

    from .definition import Journey, journey_of
    from .inbox import Inbox, written
    from .input import Carried, JourneyInput
    from .library import journey_module
    from .story import Story
    from .traveller import ContinueLater, Ended, NotQuiet, Traveller


@workflow.defn(dynamic=True)
class Host:
    """One person's walk through the journey that the workflow type names."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        payload = workflow.payload_converter().from_payload(args[0].payload, dict)
        self._input = JourneyInput.model_validate(payload)
        carried = self._input.carried
        self._inbox = Inbox([*carried.seen, self._input.entry], carried.waiting)
        self._story = Story([*carried.lines], [*carried.sent], [*carried.not_sent])
        self._journey: Journey[Event] | None = None
        self._traveller: Traveller | None = None
        self._walking: asyncio.Task[None] | None = None
        self._skips_quiet = carried.skips_quiet
        self._ended: str | None = None

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> dict[str, Any]:
        if (reason := workflow.cancellation_reason()) is not None:
            return self._account(self._in_words(reason))
        name = workflow.info().workflow_type
        self._journey = journey_of(journey_module(name), name)
        traveller = self._traveller = Traveller(self._journey, self._input, self._inbox, self._story)
        self._input = traveller.given
        traveller.skips_quiet = self._skips_quiet
        self._notice(self._inbox.waiting)
        if self._ended is not None:
            return self._account(self._ended)
        self._walking = asyncio.ensure_future(self._walk(self._journey, traveller))
        try:
            await self._walking
        except asyncio.CancelledError:
            return self._account(self._ended_words())
        except Ended as ended:
            return self._account(ended.outcome)
        except NotQuiet as prolonged:
            delay = timedelta(0) if traveller.skips_quiet else prolonged.delay
            return self._go_on(prolonged.event, delay)
        except ContinueLater:
            return self._go_on(written(traveller.event), timedelta(0))
        return self._account("went to its end")

    @workflow.signal(
        name="event", description="Tell the journey that something happened: JSON as in the guide, one event or a list."
    )
    def event(self, payload: Any) -> None:
        """Take in events. Never raises: a signal that cannot be read is recorded, not fatal."""
        self._notice(self._inbox.put(payload))
        for name in self._inbox.refused:
            self._tell(f"a signal could not be read as an event ({name})")
        self._inbox.refused.clear()

    @workflow.update(name="skip", description="Skip the wait that the journey is in, and go on with its next step.")
    async def skip(self, reason: str = "") -> str:
        """End the current wait at once."""
        if self._traveller is None or not self._traveller.begun:
            self._skips_quiet = True
            if self._traveller is not None:
                self._traveller.skips_quiet = True
            return "Skipped the quiet phase: the journey begins now."
        if not self._traveller.waiting_for:
            return "Nothing is being waited for."
        skipped = self._traveller.waiting_for
        self._traveller.skip(f"support skipped the wait {skipped}" + (f": {reason}" if reason else ""))
        return f"Skipped: {skipped}."

    @workflow.update(name="stop", description="End the journey for this person now; say why.")
    async def stop(self, reason: str) -> str:
        """End the journey; what has been sent stays sent."""
        self._end(f"stopped by support: {reason or 'no reason given'}")
        return "Stopped."

    async def _walk(self, journey: Journey[Event], traveller: Traveller) -> None:
        try:
            await journey.function(traveller, traveller.event)
            await traveller.begin()  # A journey of no verbs still must not act on a cart that is being filled.
        except ContinueLater:
            # The SDK hands out signals before a cancel that came in the same task; a tick later it has come to light.
            await workflow.sleep(timedelta(milliseconds=1), summary="going on in a new run: the history has grown long")
            raise

    def _notice(self, events: Sequence[Event]) -> None:
        """See whether one of these is a goal. Signals that came before the first line of `run` are looked at by it."""
        if self._journey is None or self._traveller is None:
            return
        own = self._journey.start_names if self._journey.quiet and not self._traveller.begun else frozenset[str]()
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
        return self._ended if self._ended is not None else self._in_words(workflow.cancellation_reason() or "")

    def _in_words(self, reason: str) -> str:
        if reason.startswith("goal: "):
            return f"ended by {reason.removeprefix('goal: ')}"
        return f"cancelled: {reason}" if reason else "cancelled"

    def _tell(self, text: str) -> None:
        if self._traveller is not None:
            self._traveller.tell(text)

    def _account(self, outcome: str) -> dict[str, Any]:
        traveller = self._traveller or Traveller(None, self._input, self._inbox, self._story)
        traveller.tell(outcome)
        untaken = [event.event_id for event in self._inbox.waiting]
        return self._story.result(outcome, untaken)

    def _go_on(self, event: dict[str, Any], delay: timedelta) -> dict[str, Any]:
        """Continue as new, unless the run was ended in this very task: that would be lost with the run that continues."""
        if (reason := workflow.cancellation_reason()) is not None:
            return self._account(self._in_words(reason))
        if self._ended is not None:
            return self._account(self._ended)
        assert self._traveller is not None
        kept = Carried(
            **self._inbox.carried(),
            **self._story.carried(),
            journal=tuple(self._traveller.journal.records),
            zone=self._traveller.zone.key,
            begun=self._traveller.begun,
            skips_quiet=self._traveller.skips_quiet,
        )
        given = self._input.model_copy(update={"event": event, "carried": kept}).written()
        return workflow.continue_as_new(args=[given], backoff_start_interval=delay or None)
