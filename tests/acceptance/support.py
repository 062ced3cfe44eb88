"""What support can read of a person, and do to a run with Temporal's own tools."""

from __future__ import annotations

from io import StringIO
from itertools import count

from rich.console import Console
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from tell import story_of
from tests.servers import wait_until
from tests.stage import Stage

NUMBERS = count(1)


async def story(stage: Stage, user: str) -> str:
    """What `starter.py story` prints about a person."""
    paper = StringIO()
    Console(file=paper, width=2000).print(await story_of(stage.settings, user, stage.client))
    return paper.getvalue()


async def points(stage: Stage, journey: str, user: str, key: str = "") -> list[int]:
    """Where a run can be reset to, as the web UI offers it: the workflow tasks that were completed, oldest first."""
    history = await stage.handle(journey, user, key).fetch_history()
    completed = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    return [event.event_id for event in history.events if event.event_type == completed]


async def reset(stage: Stage, journey: str, user: str, key: str = "", *, point: int = 0) -> None:
    """Reset a run, open or closed, to one of its points by number; returns when the new run stands in its place."""
    handle = stage.handle(journey, user, key)
    before = (await handle.describe()).run_id
    place = (await points(stage, journey, user, key))[point]
    await stage.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=stage.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=before),
            reason="a test by support",
            workflow_task_finish_event_id=place,
            request_id=f"{handle.id}-{next(NUMBERS)}",
        )
    )
    await stage.asleep_again(journey, user, key, after=before)


async def walk_on(stage: Stage, journey: str, user: str, key: str = "") -> None:
    """Wait until a run has ended, moving it past whatever it sleeps for."""

    async def is_over() -> bool:
        if not await stage.is_open(journey, user, key):
            return True
        await stage.timelapse.wake(stage.handle(journey, user, key))
        return False

    await wait_until(is_over, 60)
