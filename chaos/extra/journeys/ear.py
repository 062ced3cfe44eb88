"""Listen, and keep what was heard; walked by the programme only."""

from events import OrderCancelled, OrderRefunded
from workflows import User, days, journey


@journey(
    starts_on=OrderRefunded,
    where=lambda order, person: (order.order_id or "").startswith("ear-"),
    one_per="order_id",
)
async def ear(user: User, order: OrderRefunded) -> None:
    await user.sleep(days(30))
    await user.wait_for(OrderCancelled, within=days(1))
