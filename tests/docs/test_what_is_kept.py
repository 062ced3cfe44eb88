"""What docs/operate.md says is kept of a person is all that is, table by table."""

from __future__ import annotations

import re
from datetime import timedelta

from docs.refresh import DOCS
from ingestion.census import Census
from storage.tables import metadata
from tests.door import opened_door, said
from tests.integration.test_segment_entered import starting_on

PAGE = (DOCS / "operate.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## What is kept of a person\n")[1].split("\n## ")[0]
KEPT: dict[str, str] = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", SECTION, re.MULTILINE))
NOBODY = re.findall(r"`(\w+)`", SECTION.split("Nothing of anybody is in ")[1].split(";")[0])


def test_every_table() -> None:
    """H5: every table is named once, as one that holds something of a person, and by what to find it, or as one that does not.

    Killed by: a table more, or one with a user id that the page says holds nothing of anybody.
    """
    assert sorted([*KEPT, *NOBODY]) == sorted(metadata.tables)
    by_user = {name for name, table in metadata.tables.items() if "user_id" in table.c}
    assert {name for name, by in KEPT.items() if by == "`user_id`"} == by_user
    assert "cursor" in metadata.tables["enrolments"].c
    assert "send_key" in metadata.tables["deliveries"].c


async def test_nobody_is_where_it_says(database_url: str) -> None:
    """H5: of somebody who did much there is nothing in the tables that the page says hold nothing of anybody.

    Killed by: moving `people`, `events` or `memberships` to them on the page.
    """
    async with opened_door(database_url) as door:
        await door.take(
            said("canary-1", "Page Viewed", nobody="canary-nobody"),
            said("canary-1", "Identified", traits={"email": "canary@example.com", "firstName": "Canary"}),
            *(said("canary-1", "Order Completed", value=150, currency="EUR", order_id=f"canary-{n}") for n in range(2)),
            said("canary-1", "Product Added", product_id="canary-p", cart_id="canary-c"),
            said("canary-1", "Unsubscribed", channel="email"),
        )
        census = Census(door.database, starting_on("high_value"))
        await census.begin(timedelta(0))
        async for _ in census.take():
            pass
        found = set()
        for name, table in metadata.tables.items():
            if any("canary" in str(row) for row in await door.rows(table)):
                found.add(name)
    assert found >= {"people", "anonymous", "events", "carts", "consents", "routing", "memberships"}
    assert found <= KEPT.keys()
