"""`make chaos`: plays every scenario, writes one report, and says what does not hold; exit code 1 if anything does not."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO, get_args

import structlog
import typer
import uvloop
from rich.console import Console

from .beside import Turn, side_by_side
from .meter import Meter
from .page import page_of
from .play import Kind, Play
from .result import Result, kept
from .scenarios import SCENARIOS

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
err = Console(stderr=True, soft_wrap=True)
Which = Literal["sqlite", "postgresql", "both"]


@app.command()
def chaos(
    size: Annotated[
        float, typer.Option(min=0.0001, max=1.0, help="1.0 is the whole programme, 0.1 a tenth of it.")
    ] = 1.0,
    only: Annotated[str, typer.Option(help=f"Some of {','.join(SCENARIOS)}; all if empty.")] = "",
    database: Annotated[Which, typer.Option(help="Which database it runs on.")] = "both",
    minutes: Annotated[float, typer.Option(min=0.1, help="How long each scenario begins new work.")] = 30.0,
    seed: Annotated[int | None, typer.Option(help="Repeats the chances of an earlier run.")] = None,
    out: Annotated[Path, typer.Option(help="Where results and the report go.")] = Path(".data/chaos"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what has held before with this seed and size.")
    ] = False,
    beside: Annotated[bool, typer.Option("--beside", help="Two scenarios at once, and one line about each.")] = False,
) -> None:
    """Take processes, databases and the provider away while messages are sent, and count what becomes of them."""
    names = [name.strip() for name in only.split(",") if name.strip()] or [*SCENARIOS]
    if beside and resume:
        raise typer.BadParameter("--beside plays everything again: leave --resume out")
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise typer.BadParameter(f"there is no {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    kinds: Sequence[Kind] = get_args(Kind) if database == "both" else [database]
    chosen = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    err.print(f"seed {chosen}, size {size:g}; the same again with --seed {chosen} --size {size:g}")
    turns = [Turn(name, kind) for name in names for kind in kinds]
    results: list[Result] = []
    try:
        if beside:
            out.mkdir(parents=True, exist_ok=True)
            play = Play("sqlite", chosen, size, minutes * 60, Path(), began=0)
            results = uvloop.run(side_by_side(turns, play, out, _line))
        else:
            for turn in turns:
                play = Play(turn.database, chosen, size, minutes * 60, Path(), began=0)
                results.append(_played(turn.name, play, out, resume=resume))
                _say(results[-1])
    except (KeyboardInterrupt, asyncio.CancelledError):
        err.print("stopped; what was finished is kept, go on with --resume")
        raise typer.Exit(130) from None
    _report(results, chosen, size, out)
    raise typer.Exit(0 if all(result.holds for result in results) else 1)


def _played(name: str, play: Play, out: Path, *, resume: bool) -> Result:
    """The result of one scenario on one database, from an earlier run if that is wanted and there is one."""
    if resume and (known := kept(out, name, play)) is not None:
        err.print(f"{name} on {play.database}: kept from an earlier run")
        return known
    play.home = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        with Meter(err, f"{name} {play.database}") as meter:
            play.show = meter.show
            play.began = time.monotonic()
            with (play.home / "here.log").open("w") as log:
                _log_to(log)
                result = uvloop.run(_guarded(name, play))
        result.seconds = round(time.monotonic() - play.began, 1)
        if not result.holds:
            _keep_logs(play.home, out / f"{name}-{play.database}-logs")
    finally:
        shutil.rmtree(play.home, ignore_errors=True)
    result.write(out)
    return result


def _log_to(file: TextIO) -> None:
    """What the parts that run in this process have to say goes there."""
    stamps = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[structlog.processors.add_log_level, stamps, structlog.processors.JSONRenderer(sort_keys=True)],
        logger_factory=structlog.WriteLoggerFactory(file),
        cache_logger_on_first_use=False,
    )


def _keep_logs(home: Path, folder: Path) -> None:
    """What every process said in a run that did not hold."""
    folder.mkdir(parents=True, exist_ok=True)
    for log in home.rglob("*.log"):
        shutil.copy(log, folder / log.name)


async def _guarded(name: str, play: Play) -> Result:
    """A scenario that breaks is one that does not hold; being stopped ends it in order."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    title, scenario = SCENARIOS[name]
    try:
        return await scenario(play)
    except Exception as error:
        err.print_exception(show_locals=False)
        broken = f"it broke: {type(error).__name__}: {str(error)[:500]}"
        return Result(
            scenario=name, title=title, database=play.database, seed=play.seed, size=play.size, problems=[broken]
        )


def _line(result: Result) -> None:
    """All that a build log needs to say; what is wrong is said in full."""
    verdict = "[green]holds[/green]" if result.holds else "[red]does not hold[/red]"
    parts = "; ".join(f"{part.name} {part.reached:,} of {part.asked:,} {part.unit}" for part in result.parts)
    faults = sum(sum(part.faults.values()) for part in result.parts)
    err.print(f"{result.scenario} on {result.database}, {result.seconds:.0f} s: {verdict}: {parts}; {faults:,} faults")
    for problem in [*result.problems, *(problem for part in result.parts for problem in part.tally.problems)]:
        err.print(f"  {problem}", style="red", markup=False)


def _say(result: Result) -> None:
    verdict = "[green]holds[/green]" if result.holds else "[red]does not hold[/red]"
    err.print(f"{result.scenario} on {result.database}, {result.seconds:.0f} s: {verdict}")
    for part in result.parts:
        counts = part.tally.model_dump(exclude={"problems"})
        err.print(f"  {part.name}: {part.reached:,} of {part.asked:,} {part.unit}")
        err.print(f"    {'  '.join(f'{name} {count:,}' for name, count in counts.items())}")
        err.print(f"    faults: {'  '.join(f'{kind} {count:,}' for kind, count in part.faults.items())}")
        for problem in part.tally.problems:
            err.print(f"    {problem}", style="red", markup=False)
    for problem in result.problems:
        err.print(f"  {problem}", style="red", markup=False)
    if result.bars:
        err.print(f"  {result.caption}: {', '.join(f'{bar.label} {bar.value:,}' for bar in result.bars)}")


def _report(results: list[Result], seed: int, size: float, out: Path) -> None:
    """Both forms of the one report."""
    out.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"seed": seed, "size": size, "holds": all(result.holds for result in results)}
    told |= {"results": [result.model_dump() | {"holds": result.holds} for result in results]}
    (out / "report.json").write_text(json.dumps(told, indent=2) + "\n")
    (out / "report.html").write_text(page_of(results, seed, size), encoding="utf-8")
    err.print(f"report: {out / 'report.html'}")


if __name__ == "__main__":
    sys.exit(app())
