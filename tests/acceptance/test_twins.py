"""Two events of one instant: together they make one message where quiet is asked for, and each counts where each counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from sqlalchemy import select

from storage.ledger import kept
from storage.runs import entries_of_person
from storage.tables import events
from tests.acceptance.doors import second_door
from tests.stage import Stage, kinds


async def test_one_reminder(stage: Stage, user: str) -> None:
    """B7: two changes of a cart in the same instant, through two doors at once, make one run and one reminder, with what
    the cart held after the one that was accepted last.

    Killed by: taking the earlier of two events of the same time for the newest in facts.newest_first.
    """
    await stage.knows(user)
    now = datetime.now(UTC)
    both = [stage.event(user, "Cart Updated", at=now, cart_id="c", value=value, currency="EUR") for value in (41, 42)]
    async with second_door(stage) as other:
        await asyncio.gather(stage.take(both[0]), other.accept(both[1:]))
        await stage.routed()
    await stage.wake("cart_abandonment", user, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
        of_cart = select(events.c.properties).where(events.c.user_id == user, events.c.name == "Cart Updated")
        last = (await connection.execute(of_cart.order_by(events.c.seq.desc()))).first()
    assert last is not None
    assert f"€{last.properties['value']}.00" in message.rendered["text"]
    assert len(await entered(stage, user, "cart_abandonment")) == 1


async def test_one_pass(stage: Stage, user: str) -> None:
    """B7: two visits in the same instant open one pass of a journey that may be walked again and again, and one message.

    Killed by: letting an event enter for which a run that has not begun is open in Router._start.
    """
    await stage.knows(user)
    now = datetime.now(UTC)
    both = [stage.event(user, "Page Viewed", at=now, path=path) for path in ("/", "/news")]
    async with second_door(stage) as other:
        await asyncio.gather(stage.take(both[0]), other.accept(both[1:]))
        await stage.routed()
    assert len(await entered(stage, user, "win_back")) == 1
    await stage.wake("win_back", user)
    assert kinds(await stage.sent(user)) == ["email win_back/we_miss_you"]


async def test_each_is_seen(stage: Stage, user: str) -> None:
    """B9: three events of the same instant and content but with ids of their own are three, though each of them comes three
    times through the door and three times more from a backend.

    Killed by: recognising an event by its content or its time in Inbox.put, or not recognising it at all.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="listener"))
    now = datetime.now(UTC)
    videos = [
        stage.event(user, "Video Playback Completed", id=f"{user}-v{number}", at=now, content_asset_id="v")
        for number in range(3)
    ]
    for _ in range(3):
        await stage.happens(*videos)
        for video in videos:
            same = {"type": video.name, "event_id": video.event_id, "occurred_at": now.isoformat()}
            await stage.handle("listener", user).signal("event", same)
    await stage.wake("listener", user)
    await stage.wake("listener", user)
    assert (await stage.result("listener", user))["outcome"] == "went to its end"
    async with stage.database.read() as connection:
        (message,) = await kept(connection, user_id=user)
    assert "/seen-3-videos" in message.rendered["html"]


async def entered(stage: Stage, user: str, journey: str) -> list[str]:
    """What has become of the person's entries into a journey, waiting and dropped ones too."""
    async with stage.database.read() as connection:
        return [entry.state for entry in await entries_of_person(connection, user) if entry.place.journey == journey]
