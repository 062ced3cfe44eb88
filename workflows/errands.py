"""What a run has done in the world: its activities, through which queue, and what happens to one that is called off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

from events import Event
from messages import Channel

from .clock import spoken
from .definition import Journey
from .input import JourneyInput
from .pausing import Pausing
from .queues import queue_name, queues_of
from .requests import (
    BEGIN,
    BEST_CHANNEL,
    PROFILE,
    RECOMMEND,
    SEND,
    Answer,
    MessageRequest,
    Pass,
    RecommendRequest,
    SendRequest,
)
from .story import Story
from .user import Outcome

GIVE_UP = timedelta(days=3)
"""How long a message is offered to a provider that cannot be reached."""
RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=5)
)
FINAL = ("accepted", "withheld", "refused", "unknown")


class Ended(BaseException):
    """The journey is over for a reason that its code need not know; no Exception, so that no journey swallows it."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class NotQuiet(BaseException):
    """The person acted again; begin with this event after this delay."""

    def __init__(self, event: dict[str, Any], delay: timedelta) -> None:
        super().__init__(delay)
        self.event = event
        self.delay = delay


@dataclass(frozen=True)
class Step:
    """One send of a pass, and when the journey wanted it."""

    name: str
    occurrence: int
    messages: tuple[MessageRequest, ...]
    due: datetime

    @property
    def summary(self) -> str:
        """How the timeline shows it."""
        again = f" #{self.occurrence}" if self.occurrence > 1 else ""
        return f"{self.name.replace('|', ' or ')}{again}"


class Errands:
    """The activities of one run. The first to answer judges whether the journey has begun."""

    def __init__(
        self, journey: Journey[Event], given: JourneyInput, event: Event, story: Story, pausing: Pausing
    ) -> None:
        self._journey = journey
        self._given = given
        self._event = event
        self._story = story
        self._pausing = pausing
        self.begun = given.carried.begun or journey.quiet is None
        self.skips_quiet = given.carried.skips_quiet
        """Whether support has said that the quiet is over."""

    async def begin(self) -> None:
        """Have the quiet condition judged, if nothing else has done it."""
        if not self.begun:
            self._judged(await self._done(BEGIN, "begin", _plain(self._pass())))

    async def profile(self) -> dict[str, Any]:
        """Who the person is now, as JSON."""
        found: dict[str, Any] = await self._done(PROFILE, "profile", _plain(self._pass()))
        return found

    async def recommended(self, n: int) -> list[dict[str, Any]]:
        """Products that the person may like, as JSON."""
        request = _plain(RecommendRequest(walk=self._pass(), n=n))
        found: list[dict[str, Any]] = (await self._done(RECOMMEND, "recommend", request))["products"]
        return found

    async def best_channel(self) -> dict[str, Any]:
        """The channel and the reason, as JSON."""
        found: dict[str, Any] = await self._done(BEST_CHANNEL, "best channel", _plain(self._pass()))
        return found

    async def send(self, step: Step, *, withhold: str = "") -> Answer | None:
        """What became of one attempt to send, or to withhold it; None if it was called off before anybody had the message."""
        queues = queues_of(workflow.info().task_queue)
        channel, priority = queues.channel(step.messages), queues.priority(step.messages)
        while True:
            handle = self._asked(SEND, step.summary, self._request(step, channel, withhold), channel, priority)
            try:
                await workflow.wait_condition(self._over_or_called_off(handle))
                if not handle.done():
                    handle.cancel()
                    await workflow.wait_condition(handle.done)
                    if handle.cancelled() or handle.exception() is not None:
                        return None
                answer = self._judged(await handle)
            except asyncio.CancelledError:
                # An attempt under way may already be with the provider: its outcome is recorded before the run ends.
                handle.cancel()
                await self._record_late(handle, step)
                raise
            except ActivityError:
                return Answer(status="refused", reason=f"no provider took it for {spoken(GIVE_UP)}")
            if answer.status != "elsewhere":
                return answer
            channel = answer.channel

    def _over_or_called_off(self, handle: workflow.ActivityHandle[Any]) -> Callable[[], bool]:
        return lambda: handle.done() or bool(self._pausing.words)

    def _request(self, step: Step, channel: Channel | None, withhold: str) -> dict[str, Any]:
        return _plain(
            SendRequest(
                walk=self._pass(),
                step=step.name,
                occurrence=step.occurrence,
                messages=step.messages,
                due=step.due,
                withhold=withhold,
                queue=channel,
            )
        )

    def _pass(self) -> Pass:
        info = workflow.info()
        return Pass(
            user=self._given.user,
            journey=info.workflow_type,
            key=self._given.key,
            entry=self._given.entry,
            entry_seq=self._given.entry_seq,
            event=self._event.event_id,
            event_seq=self._event.seq,
            first_run=info.first_execution_run_id,
            quiet=not self.begun,
            skips_quiet=self.skips_quiet,
        )

    def _judged(self, given: dict[str, Any]) -> Answer:
        """The answer, if by it the journey has begun and is not over."""
        answer = Answer.model_validate(given)
        if answer.status == "not_quiet" and answer.event is not None and answer.until is not None:
            same = answer.event.get("event_id") == self._event.event_id
            self._story.tell(
                "woken before the quiet was over" if same else "the person was active again; the quiet begins anew"
            )
            raise NotQuiet(answer.event, max(answer.until - workflow.now(), timedelta(0)))
        if answer.status == "ended":
            raise Ended(answer.reason)
        if not self.begun:
            self.begun = True
            quiet = None if self.skips_quiet else self._journey.quiet
            self._story.tell(f"began, after {spoken(quiet)} of quiet" if quiet else "began")
        return answer

    async def _done(self, name: str, summary: str, request: dict[str, Any]) -> Any:
        """The answer of an activity that may be abandoned at any moment."""
        handle = self._asked(name, summary, request)
        try:
            await workflow.wait_condition(handle.done)
        except asyncio.CancelledError:
            handle.cancel()
            raise
        return await handle

    def _asked(
        self,
        name: str,
        summary: str,
        request: dict[str, Any],
        channel: Channel | None = None,
        priority: Priority = Priority.default,
    ) -> workflow.ActivityHandle[Any]:
        return workflow.start_activity(
            name,
            request,
            task_queue=queue_name(workflow.info().task_queue, channel) if channel else None,
            result_type=dict,
            start_to_close_timeout=timedelta(seconds=30),
            schedule_to_close_timeout=GIVE_UP if name == SEND else None,
            retry_policy=RETRIES,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=summary,
            priority=priority,
        )

    async def _record_late(self, handle: workflow.ActivityHandle[Any], step: Step) -> None:
        """Add what became of a message after the journey was over, if anything did."""
        try:
            answer = Answer.model_validate(await handle)
        except (ActivityError, asyncio.CancelledError):
            return
        if answer.status in FINAL:
            self._story.record(step.name, outcome_of(answer))


def outcome_of(answer: Answer) -> Outcome:
    """What the journey is told of it."""
    status: Any = answer.status if answer.status in FINAL else "withheld"
    return Outcome(status=status, channel=answer.channel, reason=answer.reason)


def _plain(request: Pass | SendRequest | RecommendRequest) -> dict[str, Any]:
    """The JSON alone, so that a run which waits for an activity does not hold the same twice."""
    return request.model_dump(mode="json", exclude_defaults=True)
