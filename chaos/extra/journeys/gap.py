"""Wait for a day of quiet that a cancellation ends; walked by the programme only."""

from events import OrderCancelled, OrderRefunded
from workflows import User, days, in_app, journey


@journey(
    starts_on=OrderRefunded.then_quiet(days(1)),
    where=lambda order, person: (order.order_id or "").startswith("gap-"),
    one_per="order_id",
    ends_on=OrderCancelled,
)
async def gap(user: User, order: OrderRefunded) -> None:
    await user.send(in_app("cart/still_here"))
