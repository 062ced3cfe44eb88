"""A whole journey in one process, by the shipped host, guard and ledger, without a server."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from settings import Settings
from storage.ledger import sends_of_person
from storage.migrate import migrate
from tests.driver import Run
from tests.interleaving import NOON, entered
from tests.performing import walk
from tests.turns import TurnByTurn
from worker import sender_of
from workflows.catalogue import Catalogue
from workflows.inbox import written


async def test_a_whole_journey(tmp_path: Path) -> None:
    """An abandoned cart is reminded after an hour and a day later, each once, at the journey's own time."""
    database = TurnByTurn(f"sqlite:///{tmp_path / 'journeyman.db'}", durable=False)
    await migrate(database)
    sender = sender_of(Settings(data_dir=tmp_path, quiet_hours="", caps=""), database, Catalogue.load(), {})
    (person,) = await entered(database, ["u"])
    given = {"user": "u", "key": "c", "entry": person.entry.event_id, "entry_seq": person.entry.seq}
    hour = timedelta(hours=1)
    last = await walk(sender, Run("cart_abandonment", {**given, "event": written(person.entry)}, NOON + hour))
    assert last.result["outcome"] == "went to its end"
    async with database.read() as connection:
        sends = [(send.template, send.at) for send in await sends_of_person(connection, "u")]
    assert sends == [("cart/still_here", NOON + hour), ("cart/last_call", NOON + hour + timedelta(days=1))]
    await database.close()
