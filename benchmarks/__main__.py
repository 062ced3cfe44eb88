"""`make bench`: takes every figure beside its yardstick, and says which bounds hold; exit code 1 if one does not."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
import uvloop
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from temporalio.client import Client

from benchmarks import (
    accepting,
    flood,
    guarded,
    latency,
    new_run,
    pairs,
    profiles,
    report,
    report_rows,
    sleeping,
    thirty_days,
    throughput,
)
from benchmarks.figures import Bound, median, percentile
from connect import connect
from stack import TemporalServer
from tests.servers import free_port

sys.path.append(str(Path(__file__).parent))  # its folder `journeys` joins the project's
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
out = Console(stderr=True)


@app.command()
def bench(
    rounds: Annotated[int, typer.Option(min=1, help="Turns of ours and of the yardstick.")] = 3,
    only: Annotated[
        str,
        typer.Option(
            help="throughput, latency, flood, accept, guarded, new-run, thirty-days, sleeping, profiles, report or pairs; "
            "all but the last four if empty."
        ),
    ] = "",
    size: Annotated[
        float, typer.Option(min=0.001, help="Of pairs, profiles and report: 1.0 is the whole load, 0.1 a tenth of it.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as one JSON object.")] = False,
) -> None:
    """Measure whole journeys a second, the time from a request to the provider's call, and that of thirty days in a test."""
    found: list[Bound] = []
    figures: dict[str, Any] = {}
    if only in ("", "throughput"):
        found += uvloop.run(journeys(rounds, figures))
    if only in ("", "latency"):
        found += uvloop.run(requests(rounds, figures))
    if only in ("", "flood"):
        found += uvloop.run(under_flood(rounds, figures))
    if only == "sleeping":  # takes some ten minutes: only where it is asked for
        found += uvloop.run(asleep(figures))
    if only == "profiles":  # makes 3 million events first
        found += uvloop.run(known(figures, round(100_000 * size)))
    if only == "report":  # makes a million messages first
        found += uvloop.run(reported(figures, round(1_000_000 * size)))
    if only == "pairs":  # wants PostgreSQL, and some minutes a round
        found += uvloop.run(pairs.compared(rounds, size, figures, out.print))
    if only in ("", "accept"):
        found += uvloop.run(accepted(rounds, figures))
    if only in ("", "guarded"):
        found += uvloop.run(sends(rounds, figures))
    if only in ("", "new-run"):
        found += uvloop.run(new_runs(figures))
    if only in ("", "thirty-days"):
        found += uvloop.run(long_journeys(rounds, figures))
    table = Table("figure", "measured", "bound", "holds")
    for bound in found:
        table.add_row(bound.name, bound.shown, bound.limit, "yes" if bound.holds else "[red]no[/red]")
    out.print(table)
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
    raise typer.Exit(0 if all(bound.holds for bound in found) else 1)


async def journeys(rounds: int, figures: dict[str, Any]) -> list[Bound]:
    """Ours and the bare workflow turn by turn on one server, after one turn of each that is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        settings = throughput.settings_for(Path(folder))
        ours: list[throughput.Round] = []
        bare: list[throughput.Round] = []
        async with TemporalServer(Path(folder), port=free_port(), ui_port=free_port()) as server:
            client = await connect(settings, embedded=server.address)
            for number in range(rounds + 1):
                out.print(f"journeys a second: turn {number} of {rounds}")
                mine = await throughput.ours(client, settings, int(server.pid or 0), number)
                theirs = await throughput.yardstick(client, int(server.pid or 0))
                if number:
                    ours.append(mine)
                    bare.append(theirs)
    ratio = median([mine.rate / theirs.rate for mine, theirs in zip(ours, bare, strict=True)])
    figures["throughput"] = {
        "ours": [vars(each) for each in ours],
        "bare": [vars(each) for each in bare],
        "ratio": ratio,
    }
    for name, turns in (("ours", ours), ("bare workflow", bare)):
        rate, server_cpu, worker_cpu = (
            median([getattr(turn, field) for turn in turns]) for field in ("rate", "server", "worker")
        )
        out.print(
            f"{name}: {rate:.1f} journeys/s; CPU a journey: server {server_cpu * 1e3:.1f} ms, worker {worker_cpu * 1e3:.1f} ms"
        )
    return [Bound("whole journeys a second, ours / bare workflow", f"{ratio:.2f}", "≥ 1.0", ratio >= 1.0)]


async def requests(rounds: int, figures: dict[str, Any]) -> list[Bound]:
    """At set rates, then the highest that holds, beside that of the bare workflow on the same server."""
    taken: dict[float, list[tuple[float, float]]] = {5: [], 20: [], 40: []}
    with tempfile.TemporaryDirectory() as folder:
        async with latency.shipped(Path(folder)) as stack:
            await latency.latencies(stack, 5, 3)
            for number in range(rounds):
                for rate, figure in taken.items():
                    out.print(f"request to provider call: {rate}/s, turn {number + 1} of {rounds}")
                    seen = await latency.latencies(stack, rate)
                    figure.append((percentile(seen, 0.5) * 1e3, percentile(seen, 0.99) * 1e3))
            out.print("the highest rate with p99 below a second")
            highest = await latency.highest(stack)
            client = await Client.connect(stack.temporal)
            bare = await latency.highest_bare(client)
    medians = {
        rate: (median([p50 for p50, _ in each]), median([p99 for _, p99 in each])) for rate, each in taken.items()
    }
    figures["latency_ms"] = {rate: {"p50": p50, "p99": p99} for rate, (p50, p99) in medians.items()}
    figures["highest_rate"] = {"ours": highest, "bare": bare}
    for rate, (p50, p99) in medians.items():
        out.print(f"request to provider call at {rate}/s: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    share = highest / bare if bare else 0.0
    return [
        Bound("p50 at 5/s", f"{medians[5][0]:.0f} ms", "< 50 ms", medians[5][0] < 50),
        Bound("p99 at 20/s", f"{medians[20][1]:.0f} ms", "< 250 ms", medians[20][1] < 250),
        Bound(
            "highest rate with p99 < 1 s, ours / bare", f"{highest:.0f}/{bare:.0f} = {share:.2f}", "≥ 0.9", share >= 0.9
        ),
    ]


async def under_flood(rounds: int, figures: dict[str, Any]) -> list[Bound]:
    """The time from request to provider call while a flood of events that no journey cares about is accepted."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        async with latency.shipped(Path(folder)) as stack:
            for number in range(rounds):
                out.print(f"request to provider call in a flood of {flood.RATE}/s: turn {number + 1} of {rounds}")
                async with flood.flooded(stack) as events:
                    began = time.monotonic()
                    seen = await latency.latencies(stack, 20)
                    carried = events.accepted / (time.monotonic() - began)
                taken.append((percentile(seen, 0.5) * 1e3, percentile(seen, 0.99) * 1e3, carried))
    p50, p99, carried = (median([turn[place] for turn in taken]) for place in range(3))
    figures["flood"] = {"p50_ms": p50, "p99_ms": p99, "irrelevant_per_s": carried}
    return [
        Bound(f"p99 at 20/s, beside {carried:.0f} irrelevant events/s", f"{p99:.0f} ms", "< 1000 ms", p99 < 1000),
        Bound(
            "irrelevant events/s that were accepted",
            f"{carried:.0f}",
            f"≥ {0.9 * flood.RATE:.0f}",
            carried >= 0.9 * flood.RATE,
        ),
    ]


async def asleep(figures: dict[str, Any]) -> list[Bound]:
    """CPU of the whole stack while 10,000 and then 100,000 people sleep and nothing happens."""
    taken, before = [], 0
    with tempfile.TemporaryDirectory() as folder:
        async with latency.shipped(Path(folder)) as stack:
            (server,) = psutil.Process(stack.pid).children()
            for count in sleeping.STEPS:
                with Progress(console=out, transient=True) as progress:
                    task = progress.add_task(f"putting people to sleep, up to {count:,}", total=count - before or None)
                    await sleeping.put_to_sleep(
                        stack.front_door, "bench", range(before, count), show=partial(_done, progress, task)
                    )
                before = count
                out.print(f"{count:,} asleep: {sleeping.SECONDS:.0f} s in which nothing happens")
                taken.append(await sleeping.idle({"ours": stack.pid, "server": server.pid}, count))
    figures["sleeping"] = [asdict(turn) for turn in taken]
    for turn in taken:
        out.print(str(turn))
    _, few, many = taken
    out.print(sleeping.of_a_million(few, many))
    shown = f"{few.whole * 100:.1f} % / {many.whole * 100:.1f} % of a core"
    limit = f"no more than {sleeping.APART * 100:.0f} % of a core and noise apart"
    return [Bound("CPU with 10,000 / 100,000 asleep", shown, limit, not sleeping.dearer(few, many))]


def _done(progress: Progress, task: TaskID, count: int) -> None:
    progress.update(task, completed=count)


async def accepted(rounds: int, figures: dict[str, Any]) -> list[Bound]:
    """Events a second over HTTP, beside a route that only commits the same rows in groups."""
    bounds = []
    for batch in (1, 20):
        taken: dict[str, list[accepting.Accepted]] = {"ours": [], "bare": []}
        for number in range(rounds):
            for which, turns in taken.items():
                out.print(f"events a second in batches of {batch}: {which}, turn {number + 1} of {rounds}")
                with tempfile.TemporaryDirectory() as folder:
                    turns.append(await accepting.turn(which, Path(folder), batch))
        ratio = median([ours.rate / bare.rate for ours, bare in zip(taken["ours"], taken["bare"], strict=True)])
        rate, p99, cpu = (median([getattr(turn, name) for turn in taken["ours"]]) for name in ("rate", "p99", "cpu"))
        missing = sum(turn.missing for turn in taken["ours"])
        figures[f"accept_{batch}"] = {which: [vars(turn) for turn in turns] for which, turns in taken.items()}
        out.print(
            f"batches of {batch}: {rate:.0f} events/s, p99 {p99 * 1e3:.0f} ms, {cpu * 1e6:.0f} µs of CPU an event"
        )
        bounds += [
            Bound(f"accept, batches of {batch}, ours / bare route", f"{ratio:.2f}", "≥ 0.6", ratio >= 0.6),
            Bound(f"answered with 200 in batches of {batch}, and not in the database", str(missing), "0", missing == 0),
        ]
    return bounds


async def sends(rounds: int, figures: dict[str, Any]) -> list[Bound]:
    """A guarded send of a shipped email beside the provider's call alone."""
    with tempfile.TemporaryDirectory() as folder:
        taken = await guarded.turns(Path(folder), rounds)
    figures["guarded_send"] = [vars(each) for each in taken]
    whole, alone = (median([getattr(turn, field) for turn in taken]) * 1e3 for field in ("guarded", "alone"))
    transactions = max(turn.transactions for turn in taken)
    out.print(f"a guarded send: {whole:.1f} ms of our CPU, the provider's call alone {alone:.1f} ms")
    return [
        Bound("guarded send above the provider's call, CPU", f"{whole - alone:.1f} ms", "≤ 5 ms", whole - alone <= 5),
        Bound("transactions of a guarded send that write", f"{transactions:.2f}", "≤ 2", transactions <= 2),
    ]


async def new_runs(figures: dict[str, Any]) -> list[Bound]:
    """A run of each journey up to its first wait beside the SDK's own minimal workflow, in the shipped sandbox."""
    more = {journey: ours - least for journey, (ours, least) in (await new_run.turns()).items()}
    figures["new_run_ms"] = {journey: seconds * 1e3 for journey, seconds in more.items()}
    slowest = max(more.values()) * 1e3
    return [Bound("a new run above the SDK's own, slowest journey", f"{slowest:.2f} ms", "≤ 1 ms", slowest <= 1)]


async def known(figures: dict[str, Any], people: int = 100_000) -> list[Bound]:
    """What it takes to know 100,000 people, and which sends that keeps waiting."""
    out.print(f"{people:,} people with {profiles.EVENTS} events each")
    with tempfile.TemporaryDirectory() as folder:
        turn = await profiles.turn(Path(folder), people)
    figures["profiles"] = vars(turn) | {"people": people}
    out.print(f"a profile: p50 {turn.p50 * 1e3:.2f} ms; all segments of everybody: {turn.segments:.1f} s")
    out.print(f"{turn.sends} messages meanwhile: p50 {turn.send_p50 * 1e3:.0f} ms, p99 {turn.send_p99 * 1e3:.0f} ms")
    late = f"{turn.late_p99 * 1e3:.0f} ms"
    return [
        Bound("a profile, p99", f"{turn.p99 * 1e3:.2f} ms", "≤ 2 ms", turn.p99 <= 0.002),
        Bound(f"the scores of {people:,} people", f"{turn.scores:.1f} s", "< 30 s", turn.scores < 30),
        Bound(f"scores and segments of {people:,} people", f"{turn.whole:.1f} s", "< 60 s", turn.whole < 60),
        Bound("another task woken too late meanwhile, p99", late, "< 50 ms", turn.late_p99 < 0.05),
        Bound("a message sent meanwhile, p99", f"{turn.send_p99 * 1e3:.0f} ms", "< 200 ms", turn.send_p99 < 0.2),
    ]


async def reported(figures: dict[str, Any], size: int) -> list[Bound]:
    """What it takes to count a report of a million messages, and whom that keeps waiting."""
    with tempfile.TemporaryDirectory() as folder, Progress(console=out) as progress:
        task = progress.add_task(f"about {size:,} messages", total=round(size / report_rows.EACH))
        turn = await report.turn(
            report.address(Path(folder)), size, lambda people: progress.update(task, completed=people)
        )
    figures["report"] = vars(turn)
    out.print(
        f"{turn.sends:,} messages, {turn.entries:,} entries, {turn.events:,} events; all days in {turn.whole:.1f} s"
    )
    late = f"{turn.late_p99 * 1e3:.0f} ms"
    return [
        Bound("a report of the last thirty days", f"{turn.month:.1f} s", "< 10 s", turn.month < 10),
        Bound("another task woken too late meanwhile, p99", late, "< 50 ms", turn.late_p99 < 0.05),
    ]


async def long_journeys(rounds: int, figures: dict[str, Any]) -> list[Bound]:
    """A journey that sleeps for thirty days, as a test walks it."""
    with tempfile.TemporaryDirectory() as folder:
        taken = await thirty_days.walks(Path(folder), rounds)
    figures["thirty_days_s"] = taken
    out.print(f"thirty days in a test: {', '.join(f'{seconds:.2f} s' for seconds in taken)}")
    slowest = max(taken)
    return [Bound("a journey of thirty days in a test, slowest", f"{slowest:.2f} s", "< 2 s", slowest < 2)]


if __name__ == "__main__":
    app()
