"""The commands that count a segment and the population: what they say, and what they leave alone."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from storage.tables import memberships, population
from tests.door import Door, opened_door, said
from tests.integration.test_profile import known
from tests.programs import Place, command

STARTER = "starter.py"


async def shop(door: Door) -> None:
    """Ten buyers, one of them away for long, and three who only look."""
    for number in range(10):
        traits = {"email": f"canary-{number}@example.com", "firstName": f"Canary{number}"}
        await door.take(
            said(f"u-{number}", "Identified", traits=traits),
            *(
                said(f"u-{number}", "Order Completed", ago=timedelta(days=40 if number == 9 else 1), value=50 + number)
                for _ in range(1 + number // 5)
            ),
        )
    await door.take(*(said(f"looks-{number}", "Page Viewed") for number in range(3)))


async def test_one_segment(database_url: str, tmp_path: Path) -> None:
    """It says how many of how many are in it, and the ids of some: never more than asked for, and nothing else of anybody.

    Killed by: `<=` for `<` in Found.add, traits in Found, or writing memberships.
    """
    async with opened_door(database_url) as door:
        await shop(door)
        place = Place(tmp_path, JOURNEYMAN_DATABASE=database_url)
        before = await door.everything()
        done = await command(place, STARTER, "segment", "newcomer", "--sample", "2", "--json")
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["people"], len(told["segments"])) == (13, 1)
        found = told["segments"][0]
        assert (found["segment"], found["members"]) == ("newcomer", 3)
        assert len(set(found["sample"])) == 2
        assert set(found["sample"]) < {"looks-0", "looks-1", "looks-2"}
        risky = await command(place, STARTER, "segment", "at_risk")
        assert "u-9" in risky.out
        assert "7.7%" in risky.out
        assert "anary" not in done.out + done.err + risky.out + risky.err
        assert await door.everything() == before


async def test_all_segments(database_url: str, tmp_path: Path) -> None:
    """Without a name every segment is counted, with what it means; a name that there is not is one clear line.

    Killed by: leaving the check of the name out of segments_now.
    """
    async with opened_door(database_url) as door:
        await shop(door)
        place = Place(tmp_path, JOURNEYMAN_DATABASE=database_url)
        done = await command(place, STARTER, "segment", "--json")
        counts = {each["segment"]: each["members"] for each in json.loads(done.out)["segments"]}
        assert counts["newcomer"] == 3
        assert counts["at_risk"] == 1
        assert all(not each["sample"] for each in json.loads(done.out)["segments"])
        wrong = await command(place, STARTER, "segment", "risky")
        assert (wrong.code, wrong.out) == (1, "")
        assert "There is no segment named risky; there are: at_risk," in wrong.err


async def test_scores(database_url: str, tmp_path: Path) -> None:
    """`scores` counts at once, however lately it was done, and says from where on each score is reached; it holds from then on.

    Killed by: EVERY for timedelta(0) in count_anew.
    """
    async with opened_door(database_url) as door:
        await shop(door)
        place = Place(tmp_path, JOURNEYMAN_DATABASE=database_url)
        for _ in range(2):
            done = await command(place, STARTER, "scores")
            assert done.code == 0, done.err
            assert "13  people" in done.out
            assert "10  of them have bought" in done.out
            assert "frequency  2 orders, 2 orders" in done.out
        (row,) = await door.rows(population)
        assert (row.people, row.buyers) == (13, 10)
        assert await door.rows(memberships) == []
        assert (await known(door, "u-9")).scores.frequency == 3
        assert (await known(door, "u-4")).scores.monetary == 1 + 2 * 1  # four of ten spent less
