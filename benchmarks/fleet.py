"""Some front doors with their relays and as many workers, each a process of its own, on one PostgreSQL and one Temporal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack import TemporalServer
from storage.database import Database
from tests.doubles.sendgrid import SendGridDouble
from tests.programs import Place, Program, answers
from tests.servers import PostgreSQL, free_port

KEY = "wk"
PATIENCE = 90.0
"""Seconds that a program may take to be ready on a busy machine."""


@dataclass(frozen=True)
class Ground:
    """What every fleet stands on; the provider's double is in this process, and so in no figure."""

    home: Path
    server: PostgreSQL
    url: str
    database: Database
    temporal: TemporalServer
    double: SendGridDouble


@dataclass(frozen=True)
class Fleet:
    """So many of each, at work."""

    ground: Ground
    doors: tuple[int, ...]
    """Their ports."""
    serving: tuple[Program, ...]
    working: tuple[Program, ...]

    def cpu(self) -> dict[str, float]:
        """CPU seconds that each part has used so far; `serve` is front doors and relays together."""
        return {
            "serve": sum(_used(program.family()[0]) for program in self.serving),
            "worker": sum(_used(program.family()[0]) for program in self.working),
            "database": _used(psutil.Process(self.ground.server.pid)),
            "temporal": _used(psutil.Process(self.ground.temporal.pid)),
        }


@asynccontextmanager
async def ground(home: Path) -> AsyncIterator[Ground]:
    """An empty PostgreSQL, an empty Temporal and a provider, for as long as the block lasts."""
    server = PostgreSQL(keeps_commits=True)
    try:
        await server.start()
        url = server.url(await server.create_database())
        database = Database(url)
        async with (
            TemporalServer(home / "temporal", port=free_port(), ui_port=free_port()) as temporal,
            SendGridDouble(keep_bodies=False) as double,
        ):
            try:
                yield Ground(home, server, url, database, temporal, double)
            finally:
                await database.close()
    finally:
        await server.stop()


@asynccontextmanager
async def fleet(ground: Ground, name: str, of_each: int) -> AsyncIterator[Fleet]:
    """So many `starter.py serve` and `worker.py`, ready; stopped as an operator stops them."""
    places, serving, working = list[Place](), list[Program](), list[Program]()
    for number in range(of_each):
        # One home each: a program's log stands there under its words.
        home = ground.home / f"{name}-{number}"
        home.mkdir()
        place = Place(home, **_environment(ground))
        places.append(place)
        serving.append(Program(place, "starter.py", "serve"))
        working.append(Program(place, "worker.py"))
    try:
        for program in (*serving, *working):
            program.start()
        for place, program in zip(places, serving, strict=True):
            await program.says("Front door", PATIENCE)
            await answers(place, PATIENCE)
        for program in working:
            await program.says('"working"', PATIENCE)
        doors = tuple(place.port for place in places)
        yield Fleet(ground, doors, tuple(serving), tuple(working))
        for program in (*serving, *working):
            await program.interrupt(PATIENCE)
    finally:
        for program in (*serving, *working):
            program.end()


def _environment(ground: Ground) -> dict[str, str]:
    return {
        "JOURNEYMAN_DATABASE": ground.url,
        "JOURNEYMAN_CAPS": "",
        "JOURNEYMAN_SENDGRID_URL": ground.double.url,
        "SENDGRID_API_KEY": ground.double.api_key,
        "TEMPORAL_ADDRESS": ground.temporal.address,
        "no_proxy": "*",
    }


def _used(process: psutil.Process) -> float:
    """User and system time of a process, of the children that it has, and of those it had: PostgreSQL is one for each connection."""
    own = process.cpu_times()
    mine = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            mine += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return float(mine)
