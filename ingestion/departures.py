"""What the relay says to Temporal: start this run, end that one, tell it what happened."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

import tracing
from errors import JourneymanError
from events import Event
from storage.runs import Entry, OpenRun, Place
from workflows.clock import shown, spoken, zone_of
from workflows.definition import Journey
from workflows.inbox import written
from workflows.input import JourneyInput

USER_ID = SearchAttributeKey.for_keyword("UserId")
ENTRY = "entry"
PATIENCE = timedelta(seconds=10)
LONGEST_PART = 110
"""Characters of a workflow id's part; servers on SQL may take 255 in all."""


def workflow_id(place: Place) -> str:
    """`journey/user/key`, each part escaped so that two places never share an id."""
    parts = [place.journey, place.user_id, *([place.key] if place.key else [])]
    return "/".join(map(_escaped, parts))


def _escaped(part: str) -> str:
    """The part as it is, as far as an id can hold it; one that would grow too long for any server is hashed."""
    escaped = quote(part, safe=" !$&'()*+,:;=@[]~-._")
    return escaped if len(escaped) <= LONGEST_PART else "h-" + hashlib.sha256(part.encode()).hexdigest()[:32]


class StillStarting(JourneymanError):
    """A run is to be ended whose id is not known yet; never cancel by the bare workflow id, which a later run may bear."""


class Departures:
    """Calls of one Temporal client, each safe to repeat."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def start(self, journey: Journey[Event], entry: Entry, event: Event) -> str:
        """Start the run of this entry, or find that an earlier call has; returns its run id.

        Raises WorkflowAlreadyStartedError if another entry's run is open under its id.
        """
        place, delay = entry.place, delay_of(journey, event, datetime.now(UTC))
        summary, details = described(journey, event, delay)
        try:
            with tracing.span("relay start", event.event_id, **_facts(journey.name, event)):
                handle: WorkflowHandle[object, object] = await self._client.start_workflow(
                    journey.name,
                    input_of(entry, event),
                    id=workflow_id(place),
                    task_queue=self._task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    search_attributes=TypedSearchAttributes([SearchAttributePair(USER_ID, place.user_id)]),
                    # Summary and plan are dropped where a quiet phase goes on as a new run; the memo is kept.
                    memo={ENTRY: entry.event_id, "summary": summary, "plan": details},
                    static_summary=summary,
                    static_details=details,
                    start_delay=delay or None,
                    priority=Priority(priority_key=journey.priority),
                    request_eager_start=not delay,
                    rpc_timeout=PATIENCE,
                )
        except WorkflowAlreadyStartedError as error:
            known = self._client.get_workflow_handle(workflow_id(place), run_id=error.run_id)
            description = await known.describe(rpc_timeout=PATIENCE)
            if await description.memo_value(ENTRY, None) != entry.event_id:
                raise
            return description.raw_description.workflow_execution_info.first_run_id or str(error.run_id)
        return str(handle.first_execution_run_id or handle.result_run_id)

    async def cancel(self, run: OpenRun, reason: str) -> None:
        """Ask that very run to end; one that is closed already, or another of its id, is not touched."""
        first_run_id = await self._known(run)
        handle = self._client.get_workflow_handle(workflow_id(run.place), first_execution_run_id=first_run_id)
        try:
            await handle.cancel(reason=reason, rpc_timeout=PATIENCE)
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                raise

    async def inform(self, run: OpenRun, events: tuple[Event, ...]) -> bool:
        """Signal events to the run; False if it has closed."""
        await self._known(run)
        handle = self._client.get_workflow_handle(workflow_id(run.place))
        try:
            with tracing.span("relay inform", events[0].event_id, **_facts(run.place.journey, events[0])):
                await handle.signal("event", [written(event) for event in events], rpc_timeout=PATIENCE)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def is_closed(self, run: OpenRun) -> bool:
        """Whether the server says that this run, or what it continued as, is over."""
        try:
            if run.first_run_id is None and run.entry_id:
                run = replace(run, first_run_id=await self._known(run))
            handle = self._client.get_workflow_handle(workflow_id(run.place))
            description = await handle.describe(rpc_timeout=PATIENCE)
        except StillStarting:
            return False  # It may open at any moment.
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return True
        newest = description.raw_description.workflow_execution_info.first_run_id
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return True
        return bool(run.first_run_id and newest and newest != run.first_run_id)

    async def first_run(self, place: Place, entry_id: str | None = None) -> str | None:
        """The first run id of whatever stands under this id at last; None if nothing does, or another entry than asked for."""
        try:
            description = await self._client.get_workflow_handle(workflow_id(place)).describe(rpc_timeout=PATIENCE)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        if entry_id is not None and await description.memo_value(ENTRY, None) != entry_id:
            return None
        return description.raw_description.workflow_execution_info.first_run_id or description.run_id

    async def _known(self, run: OpenRun) -> str:
        """The run's id; asked for where its start was answered and the answer never noted."""
        found = run.first_run_id or await self.first_run(run.place, run.entry_id)
        if found is None:
            raise StillStarting("The run that an event is for has not been acknowledged yet; it is tried again.")
        return found


def input_of(entry: Entry, event: Event) -> dict[str, Any]:
    """What the run of this entry is started with."""
    place = entry.place
    return JourneyInput(
        user=place.user_id,
        key=place.key,
        entry=entry.event_id,
        entry_seq=entry.seq,
        event=written(event),
        arms=dict(entry.arms),
    ).written()


def delay_of(journey: Journey[Event], event: Event, now: datetime) -> timedelta:
    """How long after its start that run is to sleep: until the quiet is over."""
    return max(event.occurred_at + journey.quiet - now, timedelta(0)) if journey.quiet else timedelta(0)


def _facts(journey: str, event: Event) -> dict[str, str | int]:
    """What is told of a call where it is traced."""
    return {"event": event.event_name, "journey": journey, "seq": event.seq}


def described(journey: Journey[Event], event: Event, delay: timedelta) -> tuple[str, str]:
    """The summary (at most 200 bytes) and the plan (markdown) that the web UI shows from the start."""
    zone = zone_of(event.context.location.zone)
    what = event.event_name
    if journey.quiet:
        what += f", then quiet for {spoken(journey.quiet)}"
    wakes = f"wakes {shown(datetime.now(UTC) + delay, zone)} at the earliest" if delay else "begins at once"
    goals = (
        " or ".join(sorted(kind.event_name or f"any {kind.__name__.lower()}" for kind in journey.ends_on))
        or "nothing but its own end"
    )
    details = (
        f"{journey.summary}\n\n- **Started by** {what}; {wakes}\n- **Ends on** {goals}\n"
        f"- **Kind** {journey.kind}, priority {journey.priority}"
    )
    return f"{what}; {wakes}".encode()[:200].decode(errors="ignore"), details
