"""Hear what a person says until it is over, every time anew; walked by tests only."""

from events import OrderCancelled, OrderRefunded
from workflows import User, always, days, journey


@journey(
    starts_on=OrderRefunded,
    where=lambda order, person: (order.order_id or "").startswith("encore-"),
    one_per="order_id",
    ends_on=OrderCancelled,
    again=always,
)
async def encore(user: User, order: OrderRefunded) -> None:
    await user.sleep(days(30))
    await user.wait_for(OrderRefunded, within=days(1))
