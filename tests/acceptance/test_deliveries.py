"""What SendGrid tells afterwards: doubts settled to the truth, dead addresses left alone, readers recognised."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from activities.channels.sendgrid import SendGrid
from ingestion.sendgrid_webhook import PATH
from service import Service, serving
from stack import TemporalServer
from storage.tables import deliveries, events, unreachable
from tests.doubles.sendgrid import CUT_AFTER_ACCEPT, ERROR_AFTER_ACCEPT, Behaviour, Rule, SendGridDouble
from tests.servers import free_port, wait_until
from tests.stage import Stage, staged

pytestmark = pytest.mark.server


@pytest_asyncio.fixture
async def double() -> AsyncIterator[SendGridDouble]:
    """A SendGrid that answers as told, and tells as asked."""
    async with SendGridDouble() as double:
        yield double


@pytest_asyncio.fixture
async def mailing(
    temporal: TemporalServer, database_url: str, tmp_path: Path, double: SendGridDouble
) -> AsyncIterator[Stage]:
    """The whole system with its front door; email goes out by SendGrid, which is told where our webhook is."""
    channel = SendGrid(
        double.api_key, sender=("hello@example.com", "Shop"), reply_to=None, host=double.url, call_timeout=2
    )
    changes: dict[str, Any] = {
        "port": free_port(),
        "write_keys": "wk",
        "SENDGRID_WEBHOOK_KEY": double.signer.public_key,
    }
    async with staged(database_url, temporal.address, tmp_path, providers={"email": channel}, **changes) as stage:
        service = Service(stage.settings, stage.database, stage.client, stage.catalogue, stage.acceptor, stage.relay)
        async with serving(service):
            await double.tells(stage.settings.front_door + PATH)
            yield stage
        await channel.close()


async def downloads(stage: Stage, user: str, journey: str) -> None:
    """Enter one of the journeys that only tests walk."""
    await stage.happens(stage.event(user, "File Downloaded", file_name=journey))


async def greeted(stage: Stage, user: str) -> None:
    """Enter a journey that sends one service email."""
    await stage.knows(user, birthday="1815-12-10")
    await downloads(stage, user, "newcomer")


@pytest.mark.parametrize("behaviour", [CUT_AFTER_ACCEPT, ERROR_AFTER_ACCEPT], ids=lambda each: each.name)
async def test_doubt_is_settled(mailing: Stage, double: SendGridDouble, user: str, behaviour: Behaviour) -> None:
    """B3: a service email whose answer was lost is in doubt until the webhook says that it was accepted; it never goes twice.

    Killed by: leaving "unknown" out of OPEN in storage/deliveries.py.
    """
    double.script(behaviour)
    await greeted(mailing, user)
    (doubtful,) = await wait_until(lambda: mailing.sends(user, status="unknown"), 20)
    await double.tell(doubtful.send_key, "processed")
    await mailing.wake("newcomer", user)
    account = await mailing.result("newcomer", user)
    assert double.accepted == {doubtful.send_key: 1}
    (line,) = await mailing.sends(user)
    assert (line.status, line.provider_id) == ("accepted", double.messages[line.send_key].message_id)
    assert "email onboarding/welcome" in account["sent"][0]


async def test_before_the_answer(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """B10: a webhook that overtakes the answer of its own call is attached to the claim; nothing goes twice.

    Killed by: leaving "claimed" out of OPEN in storage/deliveries.py.
    """
    await double.tells(mailing.settings.front_door + PATH, Rule(("processed", "delivered"), first=True))
    swallowed = Behaviour("swallowed", None, accepts=True, holds=True)
    double.script(swallowed)
    await greeted(mailing, user)
    (line,) = await mailing.sent(user)
    assert double.teller is not None
    await double.teller.told()
    assert double.teller.statuses == {200: 1}
    assert line.provider_id == double.messages[line.send_key].message_id
    await wait_until(lambda: ended_or_woken(mailing, user), 20)
    assert [line.status for line in await mailing.sends(user)] == ["accepted"]
    assert double.accepted == {line.send_key: 1}


async def ended_or_woken(stage: Stage, user: str) -> bool:
    """Whether the run has ended; one that doubts is moved on to where it asks again."""
    if await stage.is_open("newcomer", user):
        await stage.timelapse.wake(stage.handle("newcomer", user))
        return False
    return True


async def test_told_forty_six_times(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """B8: webhooks that are repeated 46 times, shuffled, count once: one line of each word, one event of each kind.

    Killed by: a random id in place of sg_event_id in ingestion/deliveries.py.
    """
    words = ("delivered", "click")
    await double.tells(mailing.settings.front_door + PATH, Rule(words, repeats=46, shuffled=True))
    await greeted(mailing, user)
    (line,) = await mailing.sent(user)
    assert double.teller is not None
    await double.teller.told()
    assert double.teller.statuses == {200: 46 * len(words)}
    async with mailing.database.read() as connection:
        query = select(deliveries.c.event).where(deliveries.c.send_key == line.send_key)
        assert sorted(row.event for row in await connection.execute(query)) == sorted(words)
        mine = select(events.c.name).where(events.c.user_id == user, events.c.name.like("Email %"))
        names = sorted(row.name for row in await connection.execute(mine))
    assert names == ["Email Delivered", "Email Link Clicked"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [("bounce", "email: the address is dead: hard bounce"), ("spamreport", "email: unsubscribed or suppressed")],
)
async def test_nothing_more(mailing: Stage, double: SendGridDouble, user: str, word: str, reason: str) -> None:
    """H4: after a bounce or a complaint in one journey the next email of another is withheld, from the 200 on.

    Killed by: leaving out `_bury`, or the loop over REFUSALS in `attach`.
    """
    await greeted(mailing, user)
    (first,) = await mailing.sent(user)
    await double.tell(first.send_key, word)
    await downloads(mailing, user, "reader")
    (withheld,) = await wait_until(lambda: mailing.sends(user, status="withheld"), 20)
    assert withheld.journey == "reader"
    assert withheld.reason == reason
    assert double.accepted == {first.send_key: 1}


async def test_the_same_dead_address(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """H4: an address that is dead gets nothing from anybody else who has it, and its owner is written to at the new one.

    Killed by: putting the user id in place of the address into put_dead.
    """
    address, twin = f"{user}@example.com", f"{user}-twin"
    await greeted(mailing, user)
    (first,) = await mailing.sent(user)
    await double.tell(first.send_key, "bounce")
    await mailing.knows(twin, email=address.upper(), birthday="1815-12-10")
    await downloads(mailing, twin, "newcomer")
    assert await wait_until(lambda: mailing.sends(twin, status="withheld"), 20)
    await mailing.knows(user, email=f"new-{address}")
    await downloads(mailing, user, "reader")
    assert len(await mailing.sent(user, 2)) == 2
    assert double.accepted.total() == 2


async def test_suppression_holds_within_a_second(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """H4, T17: a bounce is in force when its webhook is answered, and that takes less than a second.

    Killed by: taking reports in a background task after the answer.
    """
    await greeted(mailing, user)
    (first,) = await mailing.sent(user)
    begun = time.monotonic()
    await double.tell(first.send_key, "bounce")
    took = time.monotonic() - begun
    async with mailing.database.read() as connection:
        assert (await connection.execute(select(unreachable))).all()
    assert took < 1


async def test_waiting_for_a_click(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """A journey that waits for a click goes on with it: not with a machine's open, and knowing as before where the person is.

    Killed by: leaving `report.by_machine` out of Deliveries._note, or UNTOLD out of Traveller.see.
    """
    await mailing.knows(user)
    await downloads(mailing, user, "reader")
    (first,) = await mailing.sent(user)
    await double.tell(first.send_key, "delivered", "machine_open")
    await double.tell(first.send_key, "click", url="https://shop.example.com/tents/red?token=secret")
    (_, second) = await mailing.sent(user, 2)
    (call,) = [call for call in double.calls if call.send_key == second.send_key]
    text = str(call.body)
    assert "https://shop.example.com/email-link-clicked/shop.example.com/tents/red/Europe/Berlin" in text
    account = await mailing.result("reader", user)
    assert account["outcome"] == "went to its end"
    history = str([event async for event in mailing.handle("reader", user).fetch_history_events()])
    assert "secret" not in history
    assert f"{user}@example.com" not in history


async def test_nobody_clicked(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """What a machine has opened counts as unread.

    Killed by: leaving `report.by_machine` out of Deliveries._note.
    """
    await mailing.knows(user)
    await downloads(mailing, user, "reader")
    (first,) = await mailing.sent(user)
    await double.tell(first.send_key, "delivered", "machine_open")
    await mailing.routed()
    await mailing.wake("reader", user)
    (_, second) = await mailing.sent(user, 2)
    (call,) = [call for call in double.calls if call.send_key == second.send_key]
    assert "https://shop.example.com/unread" in str(call.body)
