from collections.abc import Sequence
from temporalio import workflow
from temporalio.common import RawValue
from datetime import timedelta

@workflow.defn(dynamic=True)
class Minimal:
    @workflow.run
    async def run(self, args: Sequence[RawValue]):
        await workflow.execute_activity("send", {}, start_to_close_timeout=timedelta(seconds=30))
