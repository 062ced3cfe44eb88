"""What a webhook tells of people: their events, their consents and their dead addresses, on either database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.consents import consent
from tests.doubles.sendgrid_webhooks import report
from tests.reporting import ADDRESSES, Desk


async def test_a_bounce_without_address(desk: Desk, user: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A bounce that does not say of which address settles its message all the same, and that is logged."""
    message = await desk.sent(user, status="unknown")
    bounce = report(message, "bounce")
    del bounce["email"]
    assert (await desk.post([bounce])).json() == {"success": True}
    assert (await desk.line(message, user)).status == "accepted"
    assert await desk.dead() == {}
    assert "hard bounces came without an address" in capsys.readouterr().out
    assert len(await desk.door.stored("Email Bounced")) == 1


async def test_a_bounce(desk: Desk, user: str) -> None:
    """A hard bounce makes the address dead, by its hash, however it is written; a temporary one does not."""
    message = await desk.sent(user)
    await desk.tells(message, "blocked")
    assert await desk.dead() == {}
    await desk.tells(message, "bounce", email=message.address.upper())
    assert await desk.dead() == {ADDRESSES.hash("email", message.address): "hard bounce"}
    events = await desk.door.stored("Email Bounced")
    assert [row.properties["permanent"] for row in events] == [False, True]
    assert await desk.consents(user) == []


@pytest.mark.parametrize(
    ("word", "topic", "kept"),
    [
        ("spamreport", "carts", ("email", "*", False, "spam report")),
        ("unsubscribe", "carts", ("email", "carts", False, "unsubscribed")),
        ("group_unsubscribe", "carts", ("email", "carts", False, "unsubscribed")),
        ("unsubscribe", None, ("email", "*", False, "unsubscribed")),
    ],
)
async def test_refusals(desk: Desk, user: str, word: str, topic: str | None, kept: tuple[str, str, bool, str]) -> None:
    """H4: a spam report closes the channel, an unsubscribe the message's topic, or the channel where it has none."""
    message = await desk.sent(user, topic=topic, status="accepted")
    await desk.tells(message, word)
    assert await desk.consents(user) == [kept]


@pytest.mark.parametrize(("said", "refused"), [(timedelta(minutes=5), True), (timedelta(minutes=-5), False)])
async def test_asked_for_again(desk: Desk, user: str, said: timedelta, refused: bool) -> None:
    """Whoever has asked for a topic after unsubscribing keeps getting it, also when the unsubscribe arrives last."""
    message = await desk.sent(user, status="accepted")
    then = datetime.now(UTC) - timedelta(hours=1)
    await consent(desk.door.database, user, "email", "carts", given=True, reason="subscribed", now=then - said)
    await desk.tells(message, "unsubscribe", at=then.timestamp())
    assert [row[2] for row in await desk.consents(user)] == [not refused]
    assert len(await desk.door.stored("Unsubscribed")) == int(refused)


async def test_events(desk: Desk, user: str) -> None:
    """What people do with a message becomes events of theirs: whose, of which message, when, and nothing else."""
    message = await desk.sent(user)
    at = int(datetime.now(UTC).timestamp()) - 60
    await desk.tells(message, "processed", "delivered", "open", "click", at=at)
    rows = await desk.door.stored()
    assert [row.name for row in rows] == ["Email Delivered", "Email Opened", "Email Link Clicked"]
    common = {"template": "cart/still_here", "topic": "carts", "send_key": message.send_key}
    assert [row.properties for row in rows] == [common, common, common | {"link": "shop.example.com/cart"}]
    assert {row.user_id for row in rows} == {user}
    assert {row.occurred_at.timestamp() for row in rows} == {at}
    assert [row.context for row in rows] == [{}, {}, {}]


async def test_no_sign_of_life(desk: Desk, user: str) -> None:
    """Neither an open nor a click says that the person is on the site, or where they are."""
    message = await desk.sent(user)
    async with desk.door.database.read() as connection:
        before = (
            await connection.exec_driver_sql(
                f"SELECT last_seen_at, seen_zone, zone, country FROM people WHERE user_id = '{user}'"
            )
        ).all()
    await desk.tells(message, "open", "click")
    async with desk.door.database.read() as connection:
        after = (
            await connection.exec_driver_sql(
                f"SELECT last_seen_at, seen_zone, zone, country FROM people WHERE user_id = '{user}'"
            )
        ).all()
    assert before == after
    assert before != []


async def test_machines(desk: Desk, user: str) -> None:
    """An open by a machine is kept as one, and is no event."""
    message = await desk.sent(user)
    await desk.tells(message, "machine_open")
    assert [(row.event, row.by_machine) for row in await desk.deliveries(message)] == [("open", True)]
    assert await desk.door.stored() == []


async def test_nothing_personal(desk: Desk, user: str) -> None:
    """Of all that SendGrid tells neither address, free text, IP nor user agent is kept, nor a link's query or token."""
    message = await desk.sent(user)
    words = ("processed", "delivered", "open", "click", "bounce", "dropped", "spamreport", "unsubscribe")
    await desk.tells(message, *words, category=["canary@example.net"])
    link = f"https://journeys.example.com/mail/unsubscribe/{'x' * 60}?a=b"
    await desk.tells(message, "click", number=2, url=link)
    kept = await desk.door.everything()
    for secret in (message.address, "canary", "198.51.100.7", "Mozilla", "recipient rejected", "xxx"):
        assert secret not in kept
    (_, ours) = await desk.door.stored("Email Link Clicked")
    assert ours.properties["link"] == "journeys.example.com/mail/unsubscribe"
