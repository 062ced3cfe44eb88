"""How long a journey of thirty days takes in a test: its time moved ahead on the real server, from event to message."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from stack import TemporalServer
from tests.servers import free_port
from tests.stage import Stage, staged

LONG = timedelta(days=30)


async def walks(folder: Path, count: int) -> list[float]:
    """Seconds that each of so many people's journeys took, one after another; one before them is not counted."""
    server = TemporalServer(
        folder / "temporal", port=free_port(), ui_port=free_port(), time_skipping=True, database=False
    )
    url = f"sqlite:///{folder / 'journeyman.db'}"
    async with server, staged(url, server.address, folder) as stage:
        return [await walk(stage, f"u-{number}") for number in range(count + 1)][1:]


async def walk(stage: Stage, user: str) -> float:
    """Seconds from the event that starts it to the message that it sends after thirty days."""
    await stage.knows(user)
    began = time.monotonic()
    await stage.happens(stage.event(user, "File Downloaded", file_name="nap"))
    await stage.forward("nap", user, by=LONG)
    await stage.result("nap", user)
    await stage.sent(user)
    return time.monotonic() - began
