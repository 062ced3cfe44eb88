"""How many tasks wait in Temporal's queues for a worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from settings import Settings
from workflows.queues import queue_name

KINDS = {"workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY}
PATIENCE = timedelta(seconds=2)


async def backlogs_of(client: Client, settings: Settings) -> Mapping[tuple[str, str], int]:
    """By task queue and kind of task, of the journeys' queue and of each channel's that has a rate; empty if nothing answers."""
    queues = [(settings.task_queue, kind) for kind in KINDS]
    queues += [(queue_name(settings.task_queue, channel), "activity") for channel in settings.channel_rates]
    try:
        return {(queue, kind): await _backlog(client, queue, kind) for queue, kind in queues}
    except RPCError:
        return {}


async def _backlog(client: Client, queue: str, kind: str) -> int:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=KINDS[kind],
        report_stats=True,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=PATIENCE)
    return int(answer.stats.approximate_backlog_count)
