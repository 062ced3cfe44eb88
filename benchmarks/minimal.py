"""The smallest workflows that a hand would write; a file of their own, since the sandbox imports all of it for each run."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow


@workflow.defn
class AtOnce:
    """Start, one empty activity."""

    @workflow.run
    async def run(self, name: str) -> None:
        await workflow.execute_activity("nothing", name, start_to_close_timeout=timedelta(seconds=30))


@workflow.defn
class AfterATimer:
    """Start, timer, one empty activity."""

    @workflow.run
    async def run(self, name: str) -> None:
        await asyncio.sleep(1)
        await workflow.execute_activity("nothing", name, start_to_close_timeout=timedelta(seconds=30))
