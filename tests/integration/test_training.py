"""The commands that bring a catalogue and train: what they say, what they change, and that nobody waits for them."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from rich.console import Console

from activities.advice import Advice
from activities.policy import Policy
from activities.reach import Reach
from profiles.addresses import Addresses
from settings import Settings
from storage.tables import models, products
from tests.door import opened_door, said
from tests.programs import Place, command
from tests.shopping import incoming, line
from train import train

STARTER = "starter.py"
HEAD = "product_id,name,price,currency,stock,replenish_days\n"


async def test_train(database_url: str, tmp_path: Path) -> None:
    """One command learns from what the door has taken; it shows each weight with its meaning and what it is worth, and names nobody.

    Killed by: leaving `publish` out of train, or a table out of the report.
    """
    async with opened_door(database_url) as door:
        await door.take(*incoming(200))
        await door.take(*(said(None, "Product Viewed", nobody=f"a-{n}", **line("tent", "Tents")) for n in range(3)))
        place = Place(tmp_path, JOURNEYMAN_DATABASE=database_url)
        done = await command(place, STARTER, "train")
        assert done.code == 0, done.err
        assert "Version 1: 8 products" in done.out
        assert "of 203 people" in done.out
        for words in ("days since the last order", "An order within 14 days: log odds =", "AUC", "Told and happened"):
            assert words in done.out
        assert "part of all interest" in done.out
        assert "camper-" not in done.out + done.err
        advice = Advice(door.database, Reach(Policy(), Addresses("secret")))
        found = await advice.recommended("camper-1", 8, datetime.now(UTC))
        assert found
        assert found[0].product_id in ("lamp", "stove", "tent", "mat")
        (row,) = await door.rows(models)
        assert b"camper-" not in row.body
        again = await command(place, STARTER, "train")
        assert "Version 2" in again.out


async def test_nothing_to_learn_from(database_url: str, tmp_path: Path) -> None:
    """Without a product in any event it says so in one line, and publishes nothing.

    Killed by: publishing a model without products.
    """
    async with opened_door(database_url) as door:
        await door.take(said("ada", "Page Viewed"), said("ada", "Product Viewed", category="Tents"))
        place = Place(tmp_path, JOURNEYMAN_DATABASE=database_url)
        done = await command(place, STARTER, "train")
        assert (done.code, done.out) == (1, "")
        assert "no event of the last year tells a product_id" in done.err
        assert await door.rows(models) == []


async def test_catalogue(database_url: str, tmp_path: Path) -> None:
    """A file is taken line by line; what is wrong is told by its number, the rest holds, and the same file changes nothing.

    Killed by: counting the same as changed, or giving up at the first wrong line.
    """
    file = tmp_path / "shop.csv"
    file.write_text(
        HEAD + "tent,Tent,59.90,EUR,4,\nmug,Mug,9,EUR,,\npot,Pot,cheap,EUR,,\ngreen,Green tea,5.00,EUR,9,30\n"
    )
    async with opened_door(database_url) as door:
        place = Place(tmp_path, JOURNEYMAN_DATABASE=database_url)
        tried = await command(place, STARTER, "catalogue", str(file), "--dry-run")
        assert "Nothing was changed. 3 lines can be taken, 1 not" in tried.out
        assert await door.rows(products) == []
        done = await command(place, STARTER, "catalogue", str(file))
        assert done.code == 1
        assert "line 4: price: expected an amount" in done.err
        assert "3  new" in done.out
        assert "1  refused" in done.out
        before = await door.rows(products)
        assert {row.product_id: row.replenish_days for row in before} == {"tent": None, "mug": None, "green": 30}
        again = await command(place, STARTER, "catalogue", str(file))
        assert "0  new" in again.out
        assert "3  the same as before" in again.out
        assert await door.rows(products) == before
        file.write_text(HEAD + "tent,Tent,49.90,EUR,0,\nmug,Mug,much,EUR,,\n")
        done = await command(place, STARTER, "catalogue", str(file), "--whole")
        assert "1  changed" in done.out
        assert "1  taken out" in done.out
        assert {row.product_id: row.stock for row in await door.rows(products)} == {"tent": 0, "mug": None}, (
            "mug has a line"
        )


async def test_no_catalogue(database_url: str, tmp_path: Path) -> None:
    """A file that is no catalogue changes nothing, and is told in one line.

    Killed by: opening the database before the file is read.
    """
    file = tmp_path / "people.csv"
    file.write_text("userId,email\nu-1,ada@example.com\n")
    async with opened_door(database_url) as door:
        done = await command(Place(tmp_path, JOURNEYMAN_DATABASE=database_url), STARTER, "catalogue", str(file))
        assert (done.code, done.out) == (1, "")
        assert "product_id and name is missing" in done.err
        assert "ada@" not in done.err
        assert await door.rows(products) == []


async def test_only_what_is_sold(database_url: str, tmp_path: Path) -> None:
    """Where there is a catalogue, training learns about its products alone.

    Killed by: leaving `sold` out of train.
    """
    file = tmp_path / "shop.jsonl"
    file.write_text('{"product_id": "tent", "name": "Tent"}\n{"product_id": "mug", "name": "Mug"}\n')
    async with opened_door(database_url) as door:
        await door.take(*incoming())
        place = Place(tmp_path, JOURNEYMAN_DATABASE=database_url)
        assert (await command(place, STARTER, "catalogue", str(file))).code == 0
        done = await command(place, STARTER, "train")
        assert "Version 1: 2 products" in done.out


class Paper(StringIO):
    """What the command says; it stops at its first line until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.opened, self.goes_on, self.publishes = threading.Event(), threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        if "Reading" in text:
            self.opened.set()
            assert self.goes_on.wait(30)
        if "publishing" in text:
            self.publishes.set()
        return super().write(text)


async def test_nobody_waits(tmp_path: Path) -> None:
    """It reads and learns without the lock by which others write; only to publish, at the very end, it needs it for a moment.

    Killed by: a write transaction around reading or learning in train.
    """
    url, paper = f"sqlite:///{tmp_path / 'j.db'}", Paper()
    settings = Settings(database=url, data_dir=tmp_path)
    async with opened_door(url) as door:
        await door.take(*incoming())
        training = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(train(settings, Console(file=paper)))))
        assert await asyncio.to_thread(paper.opened.wait, 30)
        async with door.database.write():
            paper.goes_on.set()
            assert await asyncio.to_thread(paper.publishes.wait, 12)
            assert await door.rows(models) == []
        assert (await training)[0] == 1
