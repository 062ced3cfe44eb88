"""An email at once, and then sleep until the order is cancelled; walked by the programme only."""

from events import OrderCancelled, OrderRefunded
from workflows import User, days, email, journey


@journey(
    starts_on=OrderRefunded,
    where=lambda order, person: (order.order_id or "").startswith("soak-"),
    one_per="order_id",
    ends_on=OrderCancelled,
)
async def soak(user: User, order: OrderRefunded) -> None:
    await user.send(email("onboarding/welcome"))

    await user.sleep(days(30))
