"""A whole journey in one process, by the shipped host, guard and ledger, without a server."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rehearsal.run import Run
from settings import Settings
from storage.ledger import Send, sends_of_person
from storage.migrate import migrate
from tests.interleaving import NOON, entered
from tests.performing import walk
from tests.turns import TurnByTurn
from worker import sender_of
from workflows.catalogue import Catalogue
from workflows.inbox import written

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def walked(folder: Path, start: datetime) -> tuple[Any, list[Send]]:
    """The account and the ledger of a cart that was touched at noon, whose first task a worker sees at `start`."""
    database = TurnByTurn(f"sqlite:///{folder / 'journeyman.db'}", durable=False)
    await migrate(database)
    sender = sender_of(Settings(data_dir=folder, quiet_hours="", caps=""), database, Catalogue.load(), {})
    (person,) = await entered(database, ["u"])
    given = {"user": "u", "key": "c", "entry": person.entry.event_id, "entry_seq": person.entry.seq}
    run = Run("cart_abandonment", {**given, "event": written(person.entry)}, NOON)
    run.now = start
    last = await walk(sender, run)
    async with database.read() as connection:
        lines = await sends_of_person(connection, "u")
    await database.close()
    return last.result, lines


async def test_a_whole_journey(tmp_path: Path) -> None:
    """An abandoned cart is reminded after an hour and a day later, each once, at the journey's own time."""
    account, lines = await walked(tmp_path, NOON + HOUR)
    assert account["outcome"] == "went to its end"
    sends = [(send.template, send.at) for send in lines]
    assert sends == [("cart/still_here", NOON + HOUR), ("cart/last_call", NOON + HOUR + DAY)]


async def test_no_worker_for_days(tmp_path: Path) -> None:
    """E8: a reminder that was due days ago, when no worker ran, is not sent late; what comes due after that is sent.

    Killed by: taking `workflow.now()` for the moment at which a message was wanted in Traveller.send, or `start_time` for
    `workflow_start_time` in _begins there.
    """
    late = NOON + HOUR + 4 * DAY
    _, lines = await walked(tmp_path, late)
    told = [(send.template, send.status, send.reason) for send in lines]
    assert told == [
        ("cart/still_here", "withheld", "expired before it could be sent"),
        ("cart/last_call", "accepted", None),
    ]
    assert lines[-1].at == late + DAY
