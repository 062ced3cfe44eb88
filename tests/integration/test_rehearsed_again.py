"""Days that are over happen again with a journey as it is now, and what would be other is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from errors import SettingsError
from profiles.person import Person
from rehearsal.against import Compared, Days, compared, days_of
from rehearsal.house import House, housed
from rehearsal.persona import MONDAY, Persona
from rehearsal.replay import Difference, Message, replay
from rehearsal.scene import Scene
from settings import Settings
from storage.people import write_people
from storage.tables import events, people, sends
from tests.programs import Place, command
from tests.reported import DAY_ONE, HOUR, world_over

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = Days(MONDAY, MONDAY + timedelta(days=6), BERLIN)
CART = {"cart_id": "c-1", "value": "59.90", "currency": "EUR"}
USERS = {
    "stays": Persona("Ada"),
    "buys": Persona("Ben", device="mobile", push=True, zone="America/New_York", country="US"),
    "refuses": Persona("Dora", refuses="*", language="de"),
    "at-night": Persona("Chiyo", device="mobile", push=True, zone="Asia/Tokyo", country="JP", hour=23),
}


@pytest.fixture
async def shop() -> AsyncIterator[House]:
    """A week in a shop: four people leave a cart behind, and one of them buys."""
    async with housed() as house:
        for user, persona in USERS.items():
            scene = Scene(house, persona, user)
            await scene.enters()
            await scene.does("Cart Updated", CART)
            await scene.waits(timedelta(hours=2))
            if user == "buys":
                await scene.does("Order Completed", {"cart_id": "c-1", "order_id": "o-1"})
            await scene.until(WEEK.end)
        yield house


async def again(shop: House, journey: str = "cart_abandonment", most: int = 100, **rules: Any) -> Difference:
    async with housed(rules=rules) as house:
        return await replay(shop.database, house, journey, WEEK.start, WEEK.end, most=most)


async def rows(shop: House) -> list[Any]:
    async with shop.database.read() as connection:
        return [(await connection.execute(table.select())).all() for table in (events, people, sends)]


async def test_nothing_has_changed(shop: House) -> None:
    """The same code with the same rules sends to everybody what they got, at the same time, and the shop is only read.

    Killed by: leaving out the zone, the device, consent or the goal of what happens again, or writing into the shop.
    """
    before = await rows(shop)
    found = await again(shop)
    assert (found.people, found.moved, found.gone, found.new) == (4, [], [], [])
    assert sorted({(each.user, each.what) for each in found.same}) == [
        ("at-night", "email cart/last_call"),
        ("at-night", "push cart/still_here"),
        ("buys", "push cart/still_here"),
        ("stays", "email cart/last_call"),
        ("stays", "email cart/still_here"),
    ]
    assert await rows(shop) == before


async def test_other_rules(shop: House) -> None:
    """What would no longer be sent is gone, and what would go at another time has moved, with both times.

    Killed by: comparing templates without their times, or taking the shop's own rules.
    """
    capped = await again(shop, caps="1 a week rolling")
    assert sorted(each.user for each in capped.gone) == ["at-night", "stays"]
    assert {each.what for each in capped.gone} == {"email cart/last_call"}
    awake = await again(shop, quiet_hours="")
    assert {(was.user, was.what) for was, _ in awake.moved} == {
        ("at-night", "push cart/still_here"),
        ("at-night", "email cart/last_call"),
    }
    assert all(now.at < was.at for was, now in awake.moved)


async def test_what_was_not_sent_then(shop: House) -> None:
    """What the journey sends now and did not then is new.

    Killed by: looking only at who was sent something.
    """
    async with shop.database.write() as connection:
        await connection.execute(sends.delete().where(sends.c.user_id == "stays"))
    found = await again(shop)
    assert [(each.user, each.what) for each in found.new] == [
        ("stays", "email cart/still_here"),
        ("stays", "email cart/last_call"),
    ]


async def test_only_so_many(shop: House) -> None:
    """No more people are looked at than was said, and how many that leaves out is told.

    Killed by: counting after the limit.
    """
    found = await again(shop, most=1)
    assert (found.people, found.left_out) == (1, 3)
    assert "3 more were concerned" in "\n".join(Compared(WEEK, found).lines())


def test_in_words() -> None:
    """Counts by template, then the first of each sort with the person's id and both times.

    Killed by: leaving a sort out of the table.
    """
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    mail = Message("u-1", "email", "cart/last_call", at)
    found = Difference("cart_abandonment", 2, same=[mail], moved=[(mail, mail)], gone=[mail], new=[mail] * 11)
    lines = [*Compared(WEEK, found).lines()]
    assert "email cart/last_call        1        1        1       11" in lines
    assert "moved  u-1: email cart/last_call Mon 2 Mar 13:00, now Mon 2 Mar 13:00" in lines
    assert len([line for line in lines if line.startswith("new")]) == 10
    assert len(Compared(WEEK, found).plain()["new"]) == 11


@pytest.mark.parametrize("words", ["tomorrow", "2026-03-40", "2026-03-02..2026-03-01", "2026-03-09", ".."])
def test_days_that_are_none(words: str) -> None:
    """What is no day, or has not been, is refused with what was expected.

    Killed by: leaving out either look.
    """
    with pytest.raises(SettingsError, match="--against"):
        days_of(words, BERLIN, datetime(2026, 3, 8, 12, tzinfo=UTC))


def test_days() -> None:
    """Days are those of the zone, from midnight to midnight, also where one is shorter.

    Killed by: counting days of 24 hours.
    """
    yesterday = days_of("yesterday", BERLIN, datetime(2026, 3, 30, 12, tzinfo=UTC))
    assert (yesterday.start, yesterday.end) == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )


async def test_today(tmp_path: Path) -> None:
    """Of today what has been is compared, and nothing that is still to come is called new.

    Killed by: letting the whole day pass.
    """
    url, now = f"sqlite:///{tmp_path / 'journeyman.db'}", DAY_ONE + HOUR
    async with world_over(url) as world:
        await world.enters("onboarding", "u-1")
        await world.is_sent("onboarding", "u-1", DAY_ONE, template="onboarding/welcome")
        async with world.database.write() as connection:
            ada = Person("u-1", DAY_ONE, traits={"email": "ada@example.org", "firstName": "Ada"})
            await write_people(world.database, connection, [ada])
    settings = Settings(database=url, data_dir=tmp_path, default_zone="UTC")
    day, console = f"{DAY_ONE.date()}", Console(stderr=True)
    found = (await compared(settings, "onboarding", day, most=10, console=console, now=now)).found
    assert (len(found.same), found.gone, found.new) == (1, [], [])


async def test_the_command(tmp_path: Path) -> None:
    """`starter.py rehearse … --against` says it of the database in force, which it leaves as it is.

    Killed by: rehearsing made-up people where real ones were asked for.
    """
    place = Place(tmp_path)
    said = await command(place, "starter.py", "rehearse", "cart_abandonment", "--against", "yesterday")
    assert said.code == 0, said.err
    assert "0 people" in said.out
    assert "Nobody would have got anything else." in said.out
    wrong = await command(place, "starter.py", "rehearse", "cart_abandonment", "--against", "soon")
    assert (wrong.code, "expected yesterday, a day such as" in wrong.err) == (1, True)
