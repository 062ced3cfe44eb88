"""Every way through every journey that is recorded, as what the person does and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.acceptance.details import awaited
from tests.servers import wait_until
from tests.stage import Stage

LINE = {"product_id": "p-1", "category": "shoes", "price": "59.90", "quantity": 1}


@dataclass(frozen=True)
class Walker:
    """One person on one path."""

    stage: Stage
    journey: str
    user: str
    key: str = ""

    async def does(self, name: str, **properties: Any) -> None:
        """Something happens; returns when Temporal has heard of it."""
        await self.stage.happens(self.stage.event(self.user, name, **properties))

    async def wakes(self, times: int = 1) -> None:
        """That many delays or timers pass."""
        for _ in range(times):
            await self.stage.wake(self.journey, self.user, self.key)

    async def asks(self, update: str) -> None:
        """Support asks something of the run."""
        said = {"reason": "a complaint", "by": "kim"}
        await self.stage.handle(self.journey, self.user, self.key).execute_update(update, said)

    async def has_been_sent(self, count: int) -> None:
        """That many messages of this journey are out."""

        async def enough() -> bool:
            sends = await self.stage.sends(self.user, status="accepted")
            return sum(send.journey == self.journey for send in sends) >= count

        await wait_until(enough, 20)

    async def ends(self) -> None:
        """Whatever is still waited for passes, until the journey is over."""

        async def over() -> bool:
            if not await self.stage.is_open(self.journey, self.user, self.key):
                return True
            await self.stage.timelapse.wake(self.stage.handle(self.journey, self.user, self.key))
            return False

        await wait_until(over, 60)


async def nothing_done(person: Walker) -> None:
    await person.does("Signed Up")
    await person.ends()


async def all_done(person: Walker) -> None:
    await person.does("Signed Up")
    await person.has_been_sent(1)
    await person.does("Identified", traits={"firstName": "Ada"})
    await person.does("Identified", traits={"birthday": "1990-01-01"})
    await person.does("Video Playback Started")
    await person.does("Product Viewed", product_id="p-1")
    await person.ends()


async def half_done(person: Walker) -> None:
    await person.does("Signed Up")
    await person.has_been_sent(1)
    await person.does("Identified", traits={"firstName": "Ada", "birthday": "1990-01-01"})
    await person.wakes(2)
    await person.has_been_sent(2)
    await person.does("Product Viewed", product_id="p-1")
    await person.ends()


async def made_it_their_own(person: Walker) -> None:
    await person.does("Signed Up")
    await person.has_been_sent(1)
    await person.wakes()
    await person.has_been_sent(2)
    await person.does("Product Added", cart_id="c-9", **LINE)
    await person.ends()


async def both_reminders(person: Walker) -> None:
    await person.does("Cart Updated", cart_id="c", value="59.90", currency="EUR", products=[LINE])
    await person.ends()


async def bought_in_quiet(person: Walker) -> None:
    await person.does("Cart Updated", cart_id="c", value="59.90", currency="EUR", products=[LINE])
    await person.does("Order Completed", cart_id="c", order_id="o")
    await person.ends()


async def reminded_then_bought(person: Walker) -> None:
    await person.does("Cart Updated", cart_id="c", value="59.90", currency="EUR", products=[LINE])
    await person.wakes()
    await person.has_been_sent(1)
    await person.does("Cart Updated", cart_id="c", value="75", currency="EUR")
    await person.does("Order Completed", cart_id="c", order_id="o")
    await person.ends()


async def prolonged_quiet(person: Walker) -> None:
    first = person.stage.event(person.user, "Cart Updated", cart_id="c", value="59.90", currency="EUR")
    await person.stage.happens(first)
    later = first.occurred_at + timedelta(minutes=20)
    await person.does("Cart Updated", cart_id="c", value="75", currency="EUR", at=later)
    await person.ends()


async def paused(person: Walker) -> None:
    await person.does("Cart Updated", cart_id="c", value="59.90", currency="EUR", products=[LINE])
    first = await person.stage.run_id(person.journey, person.user, person.key)
    await person.asks("pause")
    await person.stage.asleep_again(person.journey, person.user, person.key, after=first)
    await person.wakes()
    await awaited(person.stage, "is due", person.journey, person.user, person.key)
    await person.asks("resume")
    await person.has_been_sent(1)
    await person.asks("skip")
    await person.ends()


async def went_well(person: Walker) -> None:
    await person.does("Order Completed", order_id="o", value="59.90", currency="EUR", products=[LINE])
    await person.ends()


async def refunded(person: Walker) -> None:
    await person.does("Order Completed", order_id="o", value="59.90", currency="EUR", products=[LINE])
    await person.has_been_sent(1)
    await person.wakes(2)
    await person.has_been_sent(2)
    await person.does("Order Refunded", order_id="o")
    await person.ends()


async def stayed_away(person: Walker) -> None:
    await person.does("Page Viewed", path="/")
    await person.ends()


async def returned(person: Walker) -> None:
    await person.does("Page Viewed", path="/")
    first = await person.stage.run_id(person.journey, person.user)
    await person.wakes()
    await person.has_been_sent(1)
    await person.does("Page Viewed", path="/shoes")
    await person.stage.asleep_again(person.journey, person.user, after=first)


PATHS: dict[tuple[str, str], tuple[str, Callable[[Walker], Awaitable[None]]]] = {
    ("onboarding", "nothing_done"): ("", nothing_done),
    ("onboarding", "all_done"): ("", all_done),
    ("onboarding", "half_done"): ("", half_done),
    ("onboarding", "made_it_their_own"): ("", made_it_their_own),
    ("cart_abandonment", "both_reminders"): ("c", both_reminders),
    ("cart_abandonment", "bought_in_quiet"): ("c", bought_in_quiet),
    ("cart_abandonment", "reminded_then_bought"): ("c", reminded_then_bought),
    ("cart_abandonment", "prolonged_quiet"): ("c", prolonged_quiet),
    ("cart_abandonment", "paused"): ("c", paused),
    ("post_purchase", "went_well"): ("o", went_well),
    ("post_purchase", "refunded"): ("o", refunded),
    ("win_back", "stayed_away"): ("", stayed_away),
    ("win_back", "returned"): ("", returned),
}
"""The key of the run, and what the person does, by journey and path."""
