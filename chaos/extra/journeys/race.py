"""Hear what somebody says until it is over, every time anew; walked by the programme only."""

from events import OrderCancelled, OrderRefunded
from workflows import User, always, days, journey


@journey(
    starts_on=OrderRefunded,
    where=lambda order, person: (order.order_id or "").startswith("race-"),
    one_per="order_id",
    ends_on=OrderCancelled,
    again=always,
)
async def race(user: User, order: OrderRefunded) -> None:
    await user.sleep(days(30))
    await user.wait_for(OrderRefunded, within=days(1))
