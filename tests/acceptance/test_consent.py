"""Who has left a topic gets nothing of it any more, and everything else as before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.channels.envelope import Envelope
from errors import TryLater
from tests.door import opened_door, said
from tests.sending import desk
from tests.servers import wait_until
from tests.stage import Stage, kinds


async def withheld(stage: Stage, user: str) -> list[str]:
    """Template and reason of each message that was kept back."""
    return [f"{line.template}: {line.reason}" for line in await stage.sends(user, status="withheld")]


async def test_left_before_the_reminder(stage: Stage, user: str) -> None:
    """H1: who leaves the topic while the journey sleeps gets neither its first nor its second message, and the run ends as usual.

    Killed by: leaving Consequences._hear out of `take`, or Consents.refuses out of Reach._unwanted.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.happens(stage.event(user, "Unsubscribed", channel="email", topic="carts"))
    await stage.wake("cart_abandonment", user, "c")
    await wait_until(lambda: withheld(stage, user))
    await stage.wake("cart_abandonment", user, "c")
    assert (await stage.result("cart_abandonment", user, "c"))["outcome"] == "went to its end"
    told = await withheld(stage, user)
    assert [line.split(":")[0] for line in told] == ["cart/still_here", "cart/last_call"]
    assert all("email: unsubscribed" in line for line in told)
    assert await stage.sends(user, status="accepted") == []


async def test_left_one_topic(stage: Stage, user: str) -> None:
    """H3: who has left the reminders about carts still gets the welcome.

    Killed by: asking for the channel alone in Consents.refuses.
    """
    await stage.knows(user)
    await stage.happens(stage.event(user, "Unsubscribed", channel="email", topic="carts"))
    await stage.happens(
        stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"), stage.event(user, "Signed Up")
    )
    assert kinds(await stage.sent(user)) == ["email onboarding/welcome"]
    await stage.wake("cart_abandonment", user, "c")
    await wait_until(lambda: withheld(stage, user))
    assert kinds(await stage.sends(user, status="accepted")) == ["email onboarding/welcome"]


async def test_left_and_came_back(stage: Stage, user: str) -> None:
    """H3: the last word counts: who comes back to the topic in time gets the reminder."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.happens(
        stage.event(user, "Unsubscribed", topic="carts"), stage.event(user, "Subscribed", topic="carts")
    )
    await stage.wake("cart_abandonment", user, "c")
    assert kinds(await stage.sent(user)) == ["email cart/still_here"]


async def test_leaving_is_a_goal(stage: Stage, user: str) -> None:
    """A4: a journey that ends on Unsubscribed ends within a second of it, out of a sleep of thirty days."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "File Downloaded", file_name="leaver"))
    await wait_until(lambda: stage.is_open("leaver", user))
    await stage.happens(stage.event(user, "Unsubscribed", id="left"))
    told = datetime.now(UTC)
    account = await stage.result("leaver", user)
    assert datetime.now(UTC) - told < timedelta(seconds=1)
    assert account["outcome"] == "ended by Unsubscribed (left)"


class Busy:
    """A provider that is over its rate, for as long as it takes."""

    name = "busy"

    def __init__(self) -> None:
        self.calls = 0

    async def send(self, envelope: Envelope) -> str:
        self.calls += 1
        raise TryLater("over the rate", timedelta(seconds=1))


async def test_left_between_the_decision_and_the_send(database_url: str, tmp_path: Path) -> None:
    """H1: a message that was decided and rendered, but not yet taken, is judged at each attempt: who left is not sent to.

    Killed by: not asking Reach.choose again for a line that is held.
    """
    provider = Busy()
    async with (
        desk(database_url, tmp_path, providers={"email": provider}, topic="carts") as asking,
        opened_door(asking.database) as door,
    ):
        await asking.person("u")
        sending = asyncio.create_task(asking.ask("u", datetime.now(UTC), step="s"))
        await wait_until(lambda: provider.calls > 1)
        await door.take(said("u", "Unsubscribed", channel="email", topic="carts"))
        calls = provider.calls
        async with asyncio.timeout(10):
            answer = await sending
        assert answer.status == "withheld"
        assert "unsubscribed" in answer.reason
        assert provider.calls == calls


async def test_opt_in(database_url: str, tmp_path: Path) -> None:
    """A topic that is opt-in reaches only who has asked for it by its name; who takes that back gets nothing more of it.

    Killed by: counting a consent to everything in Consents.asks_for.
    """
    async with (
        desk(database_url, tmp_path, opt_in=frozenset({"news"}), topic="news") as asking,
        opened_door(asking.database) as door,
    ):
        await asking.person("u")

        async def status() -> str:
            return (await asking.ask("u", datetime.now(UTC))).status

        assert await status() == "withheld"
        for word, topic, expected in (
            ("Subscribed", "*", "withheld"),
            ("Subscribed", "news", "accepted"),
            ("Unsubscribed", "*", "withheld"),
            ("Subscribed", "*", "accepted"),
            ("Unsubscribed", "news", "withheld"),
        ):
            await door.take(said("u", word, topic=topic))
            assert await status() == expected, (word, topic)
