"""How the shipped host walks in this process: activations in, commands out, on a clock of its own and without a server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio.api.common.v1 import ActivityType, Payload, Payloads
from temporalio.api.failure.v1 import ActivityFailureInfo, CanceledFailureInfo, Failure
from temporalio.bridge.proto.activity_result import ActivityResolution, Cancellation, Success
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    FireTimer,
    InitializeWorkflow,
    RemoveFromCache,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import MetricMeter, Priority, TypedSearchAttributes
from temporalio.converter import DataConverter
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.workflow import Info, _Definition

from errors import JourneymanError
from workflows.host import Host

Job = WorkflowActivationJob
UNSANDBOXED = UnsandboxedWorkflowRunner()

# A workflow runs an event loop of its own, which must not lie inside that of the caller.
THREAD = ThreadPoolExecutor(1, "workflow")


class WorkflowTaskFailed(JourneymanError):
    """What the web UI would show as a failed workflow task."""


@dataclass
class Asked:
    """An activity that a run waits for."""

    name: str
    argument: dict[str, Any]
    due: datetime
    is_under_way: bool = False
    is_cancelled: bool = False


class Run:
    """One run of a workflow class; `now` is its clock, and moves only when told to. Made where an event loop runs."""

    def __init__(
        self,
        journey: str,
        given: dict[str, Any],
        at: datetime,
        *,
        workflow: type = Host,
        runner: WorkflowRunner = UNSANDBOXED,
        first_run: str = "",
    ) -> None:
        self.journey = journey
        self.given = given
        self.now = at
        self.run_id = str(uuid4())
        self.first_run = first_run or self.run_id
        self.timers: dict[int, datetime] = {}
        self.activities: dict[int, Asked] = {}
        self.result: Any = None
        self.successor: Run | None = None
        """The run that this one has continued as; its clock already shows when it wakes."""
        self._workflow, self._runner, self._events = workflow, runner, 0
        self._started = at
        self._instance: WorkflowInstance | None = None

    @property
    def is_closed(self) -> bool:
        return self.result is not None or self.successor is not None

    @property
    def is_asleep(self) -> bool:
        """Whether its first task is still to come."""
        return self._events == 0

    def begin(self, *others: Job) -> None:
        """The first task; `others` arrived before it."""
        start = InitializeWorkflow(
            workflow_type=self.journey, workflow_id="driven", arguments=[_payload(self.given)], randomness_seed=1
        )
        self.activate(Job(initialize_workflow=start), *others)

    def fire(self) -> None:
        """Let the timer that is due first fire, at its time."""
        seq, due = min(self.timers.items(), key=lambda timer: timer[1])
        del self.timers[seq]
        self.now = max(self.now, due)
        self.activate(Job(fire_timer=FireTimer(seq=seq)))

    def resolve(self, seq: int, result: Any) -> None:
        """An activity has answered."""
        del self.activities[seq]
        resolution = ActivityResolution(completed=Success(result=_payload(result)))
        self.activate(Job(resolve_activity=ResolveActivity(seq=seq, result=resolution)))

    def give_up(self, seq: int) -> None:
        """An activity that was cancelled between two attempts."""
        asked = self.activities.pop(seq)
        failure = Failure(
            message="activity cancelled",
            activity_failure_info=ActivityFailureInfo(activity_type=ActivityType(name=asked.name)),
            cause=Failure(message="activity cancelled", canceled_failure_info=CanceledFailureInfo()),
        )
        resolution = ActivityResolution(cancelled=Cancellation(failure=failure))
        self.activate(Job(resolve_activity=ResolveActivity(seq=seq, result=resolution)))

    def activate(self, *jobs: Job) -> None:
        """Hand jobs to the workflow and take note of its commands."""
        self._events += 4 * len(jobs)  # a task and its cause; about what the server counts
        activation = WorkflowActivation(run_id=self.run_id, history_length=self._events, jobs=jobs)
        activation.timestamp.FromDatetime(self.now)
        if self._instance is None:
            details = _details(
                self._workflow, self.journey, self.run_id, self.first_run, started=self._started, first_task=self.now
            )
            self._instance = self._runner.create_instance(details)
        completion = THREAD.submit(self._instance.activate, activation).result()
        if completion.HasField("failed"):
            raise WorkflowTaskFailed(completion.failed.failure.message)
        for command in completion.successful.commands:
            self._take(command)
        for seq in [seq for seq, asked in self.activities.items() if asked.is_cancelled and not asked.is_under_way]:
            self.give_up(seq)
        if self.is_closed:
            self.evict()

    def evict(self) -> None:
        """Tear the instance down as a worker does when its cache is full."""
        self.timers.clear()
        self.activities.clear()
        activation = WorkflowActivation(run_id=self.run_id, jobs=[Job(remove_from_cache=RemoveFromCache())])
        if self._instance is not None:
            THREAD.submit(self._instance.activate, activation).result()

    def _take(self, command: WorkflowCommand) -> None:
        match command.WhichOneof("variant"):
            case "start_timer":
                self.timers[command.start_timer.seq] = (
                    self.now + command.start_timer.start_to_fire_timeout.ToTimedelta()
                )
            case "cancel_timer":
                self.timers.pop(command.cancel_timer.seq, None)
            case "schedule_activity":
                asked = command.schedule_activity
                self.activities[asked.seq] = Asked(asked.activity_type, _value(asked.arguments[0]), self.now)
            case "request_cancel_activity":
                self.activities[command.request_cancel_activity.seq].is_cancelled = True
            case "complete_workflow_execution":
                self.result = _value(command.complete_workflow_execution.result)
            case "continue_as_new_workflow_execution":
                again = command.continue_as_new_workflow_execution
                self.successor = Run(
                    self.journey,
                    _value(again.arguments[0]),
                    self.now + again.backoff_start_interval.ToTimedelta(),
                    workflow=self._workflow,
                    runner=self._runner,
                    first_run=self.first_run,
                )
            case other:
                raise WorkflowTaskFailed(f"the run ended by {other}")


def cancelled(reason: str) -> Job:
    """The job that asks a run to end."""
    return Job(cancel_workflow=CancelWorkflow(reason=reason))


def signalled(events: Sequence[dict[str, Any]]) -> Job:
    """The job that tells a run what happened."""
    return Job(
        signal_workflow=SignalWorkflow(signal_name="event", input=[_payload(list(events))], originating_event_id=1)
    )


def _payload(value: Any) -> Payload:
    return DataConverter.default.payload_converter.to_payload(value)


def _value(payload: Payload) -> Any:
    return json.loads(payload.data)


def _details(
    workflow: type, journey: str, run_id: str, first_run: str, *, started: datetime, first_task: datetime
) -> WorkflowInstanceDetails:
    """What the SDK tells a run of itself; its `start_time` is when a worker first came to it."""
    info = Info(
        attempt=1, continued_run_id=None, cron_schedule=None, execution_timeout=None, first_execution_run_id=first_run,
        headers={}, namespace="default", original_execution_run_id=run_id, parent=None, root=None, raw_memo={},
        retry_policy=None, run_id=run_id, run_timeout=None, search_attributes={}, start_time=first_task.astimezone(UTC),
        workflow_start_time=started.astimezone(UTC), task_queue="driven", task_timeout=timedelta(seconds=10),
        typed_search_attributes=TypedSearchAttributes.empty, workflow_id="driven", workflow_type=journey,
        priority=Priority.default,
    )  # fmt: skip
    return WorkflowInstanceDetails(
        payload_converter_factory=DataConverter.default._new_payload_converter,
        failure_converter_class=DataConverter.default.failure_converter_class,
        interceptor_classes=[],
        defn=_Definition.must_from_class(workflow),
        info=info,
        randomness_seed=1,
        extern_functions={"__temporal_get_metric_meter": lambda: MetricMeter.noop},
        disable_eager_activity_execution=False,
        worker_level_failure_exception_types=[],
        patch_activation_callback=None,
        last_completion_result=Payloads(),
        last_failure=Failure(),
    )
