"""Records a history for each path that has none, on the real server: `python -m tests.replay.record`.

Histories are never overwritten. Each stands for people who may be in the journey at that very place when new code is
deployed; remove one only when nobody can be left who began on the code it was recorded with.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus

from stack import TemporalServer
from tests.replay.paths import PATHS, Walker
from tests.servers import free_port, wait_until
from tests.stage import staged

HISTORIES = Path(__file__).parent / "histories"
WHO = ("identity", "stickyAttributes", "workerVersion", "binaryChecksum", "deploymentVersion")
"""Fields that tell on which machine it was recorded."""


async def record(wanted: list[tuple[str, str]]) -> None:
    """Walk these paths and write down what the server has kept of them."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "journeys"
        home.mkdir()
        server = TemporalServer(home, port=free_port(), ui_port=free_port(), time_skipping=True, database=False)
        async with server, staged(f"sqlite:///{home / 'journeyman.db'}", server.address, home) as stage:
            for number, (journey, path) in enumerate(wanted):
                key, walk = PATHS[journey, path]
                person = Walker(stage, journey, f"u-{number}", key)
                await stage.knows(person.user, firstName=None)
                await walk(person)
                workflow_id = stage.handle(journey, person.user, key).id
                for place, history in enumerate(await closed_runs(stage.client, workflow_id)):
                    file = HISTORIES / journey / f"{path}{f'.{place + 1}' if place else ''}.json"
                    file.parent.mkdir(exist_ok=True)
                    file.write_text(json.dumps(anonymous(history), indent=1) + "\n")
                    sys.stdout.write(f"{file.relative_to(HISTORIES)}: {len(history['events'])} events\n")


async def closed_runs(client: Client, workflow_id: str) -> list[dict[str, Any]]:
    """The histories of all runs of that id which are over, oldest first."""
    query = f'WorkflowId = "{workflow_id}"'

    async def found() -> list[tuple[Any, str]]:
        runs = [run async for run in client.list_workflows(query) if run.status is not WorkflowExecutionStatus.RUNNING]
        return sorted((run.start_time, run.run_id) for run in runs)

    runs = await wait_until(found, 20)
    handles = [client.get_workflow_handle(workflow_id, run_id=run_id) for _, run_id in runs]
    return [(await handle.fetch_history()).to_json_dict() for handle in handles]


def anonymous(value: Any) -> Any:
    """The history without what names a machine, a process or a task queue of its own."""
    if isinstance(value, list):
        return [anonymous(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("kind") == "TASK_QUEUE_KIND_STICKY":
        return {"name": "journeys"}
    return {
        name: "recorder" if name == "identity" else anonymous(item)
        for name, item in value.items()
        if name not in WHO[1:]
    }


if __name__ == "__main__":
    missing = [path for path in PATHS if not (HISTORIES / path[0] / f"{path[1]}.json").exists()]
    asyncio.run(record(missing))
    sys.stdout.flush()
    os._exit(0)
