"""The least that a dynamic workflow of the SDK can be: what a run of ours is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue


@workflow.defn(dynamic=True)
class Minimal:
    """Takes what it is given and asks for one activity."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None:
        await workflow.execute_activity("send", {}, start_to_close_timeout=timedelta(seconds=30))
