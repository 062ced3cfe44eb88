"""How a demo or a test moves sleeping runs ahead on the real server: each to its next wake, never further."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import TimeSkipper

Handle = WorkflowHandle[Any, Any]
MARGIN = timedelta(milliseconds=50)
PATIENCE = timedelta(seconds=8)
"""How long to wait for the server's word; about a move past a wake that nobody serves it never comes."""


class Timelapse:
    """Needs a server that was started with time skipping allowed."""

    def __init__(self, client: Client) -> None:
        self._skipper = TimeSkipper(client)

    async def forward(self, handle: Handle, by: timedelta) -> None:
        """Move one run's clock ahead, and return when the server has done so."""
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await self._skipper.fast_forward(handle, by)

    async def wake(self, handle: Handle) -> bool:
        """Move a run to the moment its delay or first timer ends; False if it sleeps for neither."""
        left = await self.until_wake(handle)
        if left is None:
            return False
        try:
            await self.forward(handle, max(left, timedelta(0)) + MARGIN)
        except TimeoutError:
            return False  # The run woke, or continued as new, before the server had moved it: look again.
        return True

    async def until_wake(self, handle: Handle) -> timedelta | None:
        """How long a run will sleep by its own clock; None if it is closed or at work."""
        description = await handle.describe()
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return None
        info = description.raw_description.workflow_extended_info.time_skipping_info
        now = info.current_time.ToDatetime(UTC) if info.HasField("current_time") else datetime.now(UTC)
        history = await handle.fetch_history()
        kinds = [event.event_type for event in history.events]
        if EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED not in kinds:
            # The server's own word, for a run that continued as new under skipped time sleeps longer than it was told.
            execution = description.raw_description.workflow_execution_info.execution_time
            return execution.ToDatetime(UTC) - now
        due = _timers(history.events)
        return min(due) - now if due and not description.raw_description.pending_activities else None


def _timers(events: Any) -> list[datetime]:
    """When each timer that has neither fired nor been cancelled will fire."""
    due: dict[int, datetime] = {}
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            length = event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
            due[event.event_id] = event.event_time.ToDatetime(UTC) + length
        elif event.event_type == EventType.EVENT_TYPE_TIMER_FIRED:
            due.pop(event.timer_fired_event_attributes.started_event_id, None)
        elif event.event_type == EventType.EVENT_TYPE_TIMER_CANCELED:
            due.pop(event.timer_canceled_event_attributes.started_event_id, None)
    return [*due.values()]
