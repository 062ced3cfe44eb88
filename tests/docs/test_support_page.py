"""What support is told to type does what the page says, word for word."""

from __future__ import annotations

import asyncio
import os
import re
import shlex

from stack import TemporalServer, temporal_binary
from tests.acceptance.details import awaited, details
from tests.docs.blocks import blocks
from tests.stage import Stage

ANSWERS = {"skip": "Skipped: sleep 30 days.", "pause": "Paused", "resume": "Resumed.", "stop": "Stopped."}
UPDATE = "temporal workflow update execute "
COMMANDS = [
    shlex.split(line)
    for block in blocks("support.md")
    if block.language == "sh"
    for line in block.text.splitlines()
    if line.startswith(UPDATE)
]


async def test_every_update(temporal: TemporalServer, stage: Stage) -> None:
    """Each command of the page is answered as it should be, and its reason and its name stand in the story."""
    assert {name for command in COMMANDS for name in command} >= ANSWERS.keys()
    for number, command in enumerate(COMMANDS):
        user, name = f"{stage.settings.task_queue}-{number}", command[command.index("--name") + 1]
        await stage.knows(user)
        await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
        await awaited(stage, "sleep", "nap", user)
        if name == "resume":
            await stage.handle("nap", user).execute_update("pause")
        command[command.index("--workflow-id") + 1] = stage.handle("nap", user).id
        assert ANSWERS[name] in await typed(*command[1:], "--address", temporal.address)
        story = await details(stage, "nap", user)
        for word in re.findall(r'"([^"]+)"', " ".join(command[command.index("--input") :])):
            assert word in ("reason", "by") or word in story


async def typed(*words: str) -> str:
    """What the command line of Temporal says."""
    process = await asyncio.create_subprocess_exec(
        temporal_binary(),
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, out.decode()
    return out.decode()
