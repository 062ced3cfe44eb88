"""A run that support has reset sends nothing twice, and a new pass of the same person does send."""

from __future__ import annotations

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from tests.servers import wait_until
from tests.stage import Stage, kinds


async def test_reset_and_second_pass(stage: Stage, user: str) -> None:
    """F3, T14 small: reset to its beginning after both messages, win-back sends neither again; the next pass sends both.

    Killed by: leaving the entry out of step_key (F3), or naming steps by the run id (T14).
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Page Viewed", path="/"))
    await walk_to_the_end(stage, user, 2)
    await reset(stage, user)
    await wait_until(lambda: is_over(stage, user), 60)
    assert kinds(await stage.sends(user)) == ["email win_back/we_miss_you", "email win_back/last_offer"]
    await stage.happens(stage.event(user, "Page Viewed", path="/again"))
    await walk_to_the_end(stage, user, 4)
    # The first pass lies in skipped time, so the ledger's order by time is not that of the passes.
    assert (
        sorted(kinds(await stage.sends(user))) == ["email win_back/last_offer"] * 2 + ["email win_back/we_miss_you"] * 2
    )


async def walk_to_the_end(stage: Stage, user: str, messages: int) -> None:
    await stage.wake("win_back", user)
    await stage.sent(user, messages - 1)
    await stage.wake("win_back", user)
    await stage.sent(user, messages)
    await stage.result("win_back", user)


async def reset(stage: Stage, user: str) -> None:
    """As the web UI does it: to the first workflow task that was completed."""
    handle = stage.handle("win_back", user)
    history = await handle.fetch_history()
    first = next(event for event in history.events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    await stage.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=stage.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=(await handle.describe()).run_id),
            reason="a test by support",
            workflow_task_finish_event_id=first.event_id,
            request_id=f"reset-{user}",
        )
    )


async def is_over(stage: Stage, user: str) -> bool:
    """Whether the reset run has ended too; its timer is moved ahead as the first one's was."""
    if not await stage.is_open("win_back", user):
        return True
    await stage.timelapse.wake(stage.handle("win_back", user))
    return False
