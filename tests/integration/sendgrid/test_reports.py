"""What a webhook does to the lines of the ledger, on either database."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.deliveries import attach, sent
from tests.door import somebody
from tests.doubles.sendgrid_webhooks import report
from tests.reporting import Desk, message_of


@pytest.mark.parametrize(
    "word", ["processed", "deferred", "delivered", "open", "machine_open", "click", "bounce", "blocked"]
)
@pytest.mark.parametrize("status", ["claimed", "unknown", "held"])
async def test_any_word_is_acceptance(desk: Desk, user: str, status: str, word: str) -> None:
    """B3, B10: whatever SendGrid tells of a message, it has accepted it: a line without an outcome is settled so."""
    message = await desk.sent(user, status=status, reason="the call broke")
    await desk.tells(message, word)
    line = await desk.line(message, user)
    assert (line.status, line.reason, line.until) == ("accepted", None, None)
    assert (line.provider, line.provider_id) == ("sendgrid", message.message_id)


@pytest.mark.parametrize("status", ["refused", "withheld", "accepted"])
async def test_what_is_settled_stays(desk: Desk, user: str, status: str) -> None:
    """A line that has its outcome keeps it, with its reason and the id that the provider answered."""
    handed = int(status != "withheld")
    message = await desk.sent(
        user, status=status, reason="as it was", provider="sendgrid", provider_id="first", fence=handed
    )
    await desk.tells(message, "processed", "delivered", "open")
    line = await desk.line(message, user)
    assert (line.status, line.reason, line.provider_id) == (status, "as it was", "first")


@pytest.mark.parametrize("status", ["claimed", "unknown", "accepted"])
async def test_dropped(desk: Desk, user: str, status: str) -> None:
    """What SendGrid has dropped is refused, whatever its first answer was, with the class of the reason and no address."""
    message = await desk.sent(user, status=status)
    await desk.tells(message, "processed", "dropped")
    line = await desk.line(message, user)
    assert (line.status, line.reason) == ("refused", "SendGrid dropped: bounced")
    other = await desk.sent(user, "other", status=status)
    await desk.tells(other, "dropped", reason=f"because {other.address} said so")
    assert (await desk.line(other, user)).reason == "SendGrid dropped: other"
    assert other.address not in await desk.door.everything()


@pytest.mark.parametrize(
    "word", ["delivered", "open", "click", "spamreport", "unsubscribe", "group_unsubscribe", "bounce", "blocked"]
)
async def test_a_copy_is_dropped(desk: Desk, user: str, word: str) -> None:
    """What went out stays accepted where its second copy is dropped, whichever is told first.

    Killed by: leaving TRIED out of `attach`, or DROPPED out of MISTAKEN.
    """
    first, last = await desk.sent(user, "a", resent=True), await desk.sent(user, "b", status="unknown")
    for message, words in ((first, (word, "dropped")), (last, ("dropped", word))):
        for each in words:
            await desk.tells(message, each)
        line = await desk.line(message, user)
        assert (line.status, line.reason) == ("accepted", None)


@pytest.mark.parametrize(
    "line",
    [
        {"status": "refused", "reason": "settled by grace: SendGrid has no trace"},
        {"status": "refused", "reason": "SendGrid answers 400: to", "resent": True},
        {"status": "withheld", "reason": "expired", "resent": True, "fence": 0},
        {"status": "withheld", "reason": "unsubscribed", "fence": 1},
    ],
    ids=["a person was wrong", "refused the second time", "withheld the second time", "withheld after a try"],
)
async def test_the_truth_comes_later(desk: Desk, user: str, line: dict[str, Any]) -> None:
    """A message that may have arrived is accepted once the provider says so, whatever was believed meanwhile.

    Killed by: OPEN in place of MISTAKEN in `attach`.
    """
    message = await desk.sent(user, **line)
    await desk.tells(message, "delivered")
    found = await desk.line(message, user)
    assert (found.status, found.reason, found.provider_id) == ("accepted", None, message.message_id)


@pytest.mark.parametrize("hours", [-30, 30])
async def test_counted_from_acceptance(desk: Desk, user: str, hours: int) -> None:
    """Caps count a message from when it was found to be accepted, not from when it was wanted; told again, that stays.

    Killed by: leaving "at" out of what `attach` settles, or `now` without the comparison in counted_from.
    """
    begun = datetime.now(UTC)
    wanted = begun + timedelta(hours=hours)
    message = await desk.sent(user, status="unknown", at=wanted)
    await desk.tells(message, "delivered")
    at = (await desk.line(message, user)).at
    assert at == wanted if hours > 0 else begun <= at <= datetime.now(UTC)
    await desk.tells(message, "open")
    assert (await desk.line(message, user)).at == at


async def test_before_the_line(desk: Desk, user: str) -> None:
    """B10: what is told of a message before its line is there is kept, and holds as soon as it is.

    Killed by: answering without put_deliveries where `sent` finds no line.
    """
    early = message_of(user, "0" * 64)
    await desk.tells(early, "delivered", "unsubscribe")
    assert [row.event for row in await desk.deliveries(early)] == ["delivered", "unsubscribe"]
    message = await desk.sent(user, send_key=early.send_key)
    assert (await desk.line(early, user)).status == "claimed"
    async with desk.door.database.write() as connection:
        await attach(desk.door.database, connection, await sent(connection, [early.send_key]), now=datetime.now(UTC))
    assert (await desk.line(early, user)).status == "accepted"
    assert await desk.consents(user) == [("email", "carts", False, "unsubscribed")]
    assert message.address == early.address


async def test_in_any_order(desk: Desk) -> None:
    """B8: the same words in every order, each told three times, leave the same line, consents and events."""
    words, left = ("processed", "delivered", "open", "click", "spamreport"), []
    orders = list(itertools.permutations(words))[::17]
    for order in orders:
        user = somebody()
        message = await desk.sent(user)
        for word in order * 3:
            await desk.tells(message, word, at=1_700_000_000 + words.index(word))
        told = [row.name for row in await desk.door.stored() if row.user_id == user]
        left.append(((await desk.line(message, user)).status, await desk.consents(user), sorted(told)))
        assert [row.event for row in await desk.deliveries(message)] == list(words)
    assert len(orders) > 5
    assert left == [
        (
            "accepted",
            [("email", "*", False, "spam report")],
            ["Email Delivered", "Email Link Clicked", "Email Marked as Spam", "Email Opened"],
        )
    ] * len(orders)


async def test_mail_of_others(desk: Desk, user: str) -> None:
    """What else is sent through the same account, and messages of another installation, change nothing of ours."""
    message = await desk.sent(user)
    theirs = report(message, "bounce")
    del theirs["send_key"]
    assert (await desk.post([theirs])).json() == {"success": True}
    await desk.tells(message_of("nobody", "f" * 64), "delivered", "spamreport")
    assert (await desk.line(message, user)).status == "claimed"
    assert await desk.door.stored() == []
    assert await desk.dead() == {}


async def test_many_at_once(desk: Desk, user: str) -> None:
    """A webhook with more reports than one transaction takes is taken whole."""
    messages = [await desk.sent(user, f"m{number}") for number in range(130)]
    answer = await desk.post([report(each, word) for word in ("processed", "delivered") for each in messages])
    assert answer.json() == {"success": True}
    statuses = {(await desk.line(each, user)).status for each in messages}
    assert statuses == {"accepted"}
    assert len(await desk.door.stored("Email Delivered")) == 130
