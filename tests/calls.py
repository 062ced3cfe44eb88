"""What a client says to Temporal: each call noted on its way, before anything answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from temporalio.client import (
    CancelWorkflowInput,
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
)


class Calls(Interceptor):
    """Hand it to a client; `made` holds the verb and the workflow id of every call, in order."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  the base class's name
        return _Noting(next, self)

    def of(self, verb: str) -> list[str]:
        """The workflow ids of all calls of that verb."""
        return [workflow_id for made, workflow_id in self.made if made == verb]

    def counted(self) -> Counter[str]:
        """How many calls of each verb, and of which journey."""
        return Counter(f"{verb} {workflow_id.partition('/')[0]}" for verb, workflow_id in self.made)


class _Noting(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, calls: Calls) -> None:  # noqa: A002  the base class's name
        super().__init__(next)
        self._made = calls.made

    async def start_workflow(self, input: StartWorkflowInput) -> Any:  # noqa: A002
        self._made.append(("start", input.id))
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002
        self._made.append(("signal", input.id))
        await super().signal_workflow(input)

    async def cancel_workflow(self, input: CancelWorkflowInput) -> None:  # noqa: A002
        self._made.append(("cancel", input.id))
        await super().cancel_workflow(input)

    async def describe_workflow(self, input: DescribeWorkflowInput) -> Any:  # noqa: A002
        self._made.append(("describe", input.id))
        return await super().describe_workflow(input)
