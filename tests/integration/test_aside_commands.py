"""What an operator learns of events that are set aside, and how they are given back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from doctor import plain
from doctor_parts import database as look_at_database
from ingestion.app import FrontDoor
from storage.aside import count_aside, give_back
from storage.tables import routing
from tests.door import somebody
from tests.integration.test_aside import PROBLEM, aside, cart, lay_aside
from tests.programs import Place, command
from tests.stage import Stage

pytestmark = pytest.mark.server


async def test_two_operators(unrelayed: Stage) -> None:
    """However many give back at once, each event is given back once, in any number.

    Killed by: reading what is set aside before the transaction that deletes it.
    """
    seqs = await lay_aside(unrelayed, *(cart(unrelayed, f"{somebody()}-{number}") for number in range(700)))
    counts = await asyncio.gather(*(give_back(unrelayed.database) for _ in range(4)))
    assert sum(counts) == 700
    async with unrelayed.database.read() as connection:
        assert await count_aside(connection) == 0
        assert [*(await connection.execute(select(routing.c.seq).order_by(routing.c.seq))).scalars()] == seqs


async def test_how_many(unrelayed: Stage) -> None:
    """The front door's health and the doctor say how many events are set aside.

    Killed by: counting the events that wait instead.
    """
    stage = unrelayed
    await lay_aside(stage, cart(stage, somebody()), cart(stage, somebody()))
    await stage.take(cart(stage, somebody()))
    door = FrontDoor(stage.acceptor, stage.database, frozenset({"wk"})).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://front.door") as http:
        assert (await http.get("/health")).json() == {"status": "ok", "unrouted": 1, "set_aside": 2}
    found = plain([each async for each in look_at_database(stage.settings)])
    (events,) = (each for each in found["checks"] if each["check"] == "Events")
    assert events["mark"] == "warning"
    assert "2 are set aside" in events["found"]
    assert "events replay --all" in events["todo"]


async def test_command(unrelayed: Stage, tmp_path: Path) -> None:
    """`events` lists them for people and for machines, `events replay` gives back one or all, and says what it cannot do.

    Killed by: taking no number for all.
    """
    stage, user = unrelayed, somebody()
    place = Place(tmp_path, JOURNEYMAN_DATABASE=stage.settings.database_url)

    async def events(*words: str) -> Any:
        return await command(place, "starter.py", "events", *words)

    assert "No event is set aside." in (await events()).out
    seqs = await lay_aside(stage, *(cart(stage, user) for _ in range(3)))
    shown = await events()
    assert (shown.code, shown.err) == (0, "")
    assert all(word in shown.out for word in ("3 events set aside", user, "Cart Updated", PROBLEM))
    told = json.loads((await events("--json", "--limit", "2")).out)
    assert (told["count"], [each["seq"] for each in told["events"]]) == (3, seqs[:2])

    unsaid = await events("replay")
    assert unsaid.code == 1
    assert "--all" in unsaid.err
    assert (await events("replay", "4711")).code == 1
    assert await aside(stage) == seqs
    assert "1 event." in (await events("replay", str(seqs[1]))).out
    assert await aside(stage) == [seqs[0], seqs[2]]
    assert "2 events." in (await events("replay", "--all")).out
    assert await aside(stage) == []
