"""What the web UI shows about a run while it is open."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict
from temporalio.api.sdk.v1 import WorkflowMetadata

from tests.servers import wait_until
from tests.stage import Stage


async def details(stage: Stage, journey: str, user: str, key: str = "") -> str:
    """The current details; empty before the first wait."""
    handle = stage.handle(journey, user, key)
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(MessageToDict(metadata).get("currentDetails", ""))


async def awaited(stage: Stage, words: str, journey: str, user: str, key: str = "") -> str:
    """Wait until the line about what is awaited now says this; returns the line."""

    async def told() -> str:
        lines = (await details(stage, journey, user, key)).splitlines()
        return next((line for line in lines if line.startswith("**Now:** ") and words in line), "")

    return str(await wait_until(told, 20))
