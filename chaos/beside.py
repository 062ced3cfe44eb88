"""Several scenarios at once, each as a process of its own: one lane for those that use the processors, one for those that wait."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from settings import ROOT

from .play import Kind, Play
from .result import Result, file_of
from .scenarios import ALONE, BUSY, SCENARIOS


@dataclass(frozen=True)
class Turn:
    """One scenario on one database."""

    name: str
    database: Kind


async def side_by_side(turns: Sequence[Turn], play: Play, out: Path, say: Callable[[Result], None]) -> list[Result]:
    """Play them in two lanes, then those that want to be alone; the results are in the order asked for.

    `say` is told of each as it ends, `out` is a folder.
    """
    lanes = (
        [turn for turn in turns if turn.name in BUSY - ALONE],
        [turn for turn in turns if turn.name not in BUSY | ALONE],
    )
    found: dict[Turn, Result] = {}

    async def lane(mine: Sequence[Turn]) -> None:
        for turn in mine:
            found[turn] = await _played(turn, play, out)
            say(found[turn])

    task = asyncio.current_task()
    assert task is not None
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    async with asyncio.TaskGroup() as group:
        for mine in lanes:
            group.create_task(lane(mine))
    await lane([turn for turn in turns if turn.name in ALONE])
    return [found[turn] for turn in turns]


async def _played(turn: Turn, play: Play, out: Path) -> Result:
    """What that process has left behind; one that has left nothing does not hold."""
    path, log = file_of(out, turn.name, turn.database), out / f"{turn.name}-{turn.database}.log"
    path.unlink(missing_ok=True)
    words = ["--only", turn.name, "--database", turn.database, "--size", str(play.size), "--seed", str(play.seed)]
    words += ["--minutes", str(play.seconds / 60), "--out", str(out)]
    began = time.monotonic()
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chaos", *words),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=asyncio.subprocess.STDOUT,
            # Ctrl-C in the terminal is ours, and passed on once.
            start_new_session=True,
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
    if path.exists():
        return Result.model_validate_json(path.read_text())
    broken = f"it ended with {code} and left no result; {log} tells why"
    return Result(
        scenario=turn.name,
        title=SCENARIOS[turn.name][0],
        database=turn.database,
        seed=play.seed,
        size=play.size,
        seconds=round(time.monotonic() - began, 1),
        problems=[broken],
    )
